import type { Condition, ValueTest } from '../../model/condition.ts'
import type { Steps } from './steps.ts'

/** Where a predicate looks: the values of a field, or every value of the event. */
export const ANYWHERE = '\u0000anywhere'

/** A test of a field that an index decides, or a condition that has to be run (`run`). */
export type Predicate =
  | { readonly kind: 'test'; readonly path: string; readonly test: ValueTest }
  | { readonly kind: 'run'; readonly condition: Condition }

export const NODE = { never: 0, always: 1, predicate: 2, and: 3, or: 4, not: 5 } as const

/** Conditions as one graph: equal predicates and equal sub-conditions of all rules are one node. */
export interface Program {
  readonly predicates: readonly Predicate[]
  readonly kinds: Uint8Array
  /** Predicate number of a predicate; first child of the others, in `children`. */
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly children: Int32Array
  /** Whether more than one condition or node refers to the node. */
  readonly shared: Uint8Array
  /** Node of each condition. */
  readonly roots: Int32Array
}

const STEP_CONDITIONS = 50

/**
 * Lowers conditions to one program; `roots` is in the order of the conditions. In steps, so that
 * thousands of rules do not hold a thread in one go.
 */
export function* programSteps(conditions: readonly Condition[]): Steps<Program> {
  const builder = new Builder()
  const roots: number[] = []
  for (const condition of conditions) {
    roots.push(builder.add(condition))
    if (roots.length % STEP_CONDITIONS === 0) yield
  }
  return builder.finish(roots)
}

class Builder {
  readonly #predicates: Predicate[] = []
  readonly #predicateOf = new Map<string, number>()
  readonly #nodeOf = new Map<string, number>()
  readonly #kinds: number[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  readonly #children: number[] = []
  readonly #uses: number[] = []

  add(condition: Condition): number {
    switch (condition.kind) {
      case 'always':
        return this.#node(NODE.always, [])
      case 'never':
        return this.#node(NODE.never, [])
      case 'field': {
        const { path, test } = condition
        const isRun = test.kind === 'fieldref'
        return this.#predicate(isRun ? { kind: 'run', condition } : { kind: 'test', path, test })
      }
      case 'anywhere': {
        const { test } = condition
        if (test.kind === 'fieldref') return this.#node(NODE.never, [])
        return this.#predicate({ kind: 'test', path: ANYWHERE, test })
      }
      case 'fields':
      case 'nested':
      case 'expr':
        return this.#predicate({ kind: 'run', condition })
      case 'and':
        return this.#joint(NODE.and, condition.parts)
      case 'or':
        return this.#joint(NODE.or, condition.parts)
      case 'not':
        return this.#not(this.add(condition.part))
    }
  }

  #predicate(predicate: Predicate): number {
    const key = JSON.stringify(
      predicate.kind === 'test' ? [predicate.path, predicate.test] : predicate.condition,
    )
    let number = this.#predicateOf.get(key)
    if (number === undefined) {
      number = this.#predicates.length
      this.#predicates.push(predicate)
      this.#predicateOf.set(key, number)
    }
    return this.#intern(NODE.predicate, [number])
  }

  #joint(kind: typeof NODE.and | typeof NODE.or, parts: readonly Condition[]): number {
    const neutral = kind === NODE.and ? NODE.always : NODE.never
    const decided = kind === NODE.and ? NODE.never : NODE.always
    const nodes = new Set<number>()
    for (const part of parts) {
      const node = this.add(part)
      if (this.#kinds[node] === decided) return node
      if (this.#kinds[node] === kind) {
        const [start = 0, end = 0] = [this.#starts[node], this.#ends[node]]
        for (let at = start; at < end; at++) nodes.add(this.#children[at] ?? 0)
      } else if (this.#kinds[node] !== neutral) nodes.add(node)
    }
    const [only] = nodes
    if (only === undefined) return this.#node(neutral, [])
    return nodes.size === 1 ? only : this.#node(kind, [...nodes])
  }

  #not(node: number): number {
    if (this.#kinds[node] === NODE.always) return this.#node(NODE.never, [])
    if (this.#kinds[node] === NODE.never) return this.#node(NODE.always, [])
    if (this.#kinds[node] === NODE.not) return this.#children[this.#starts[node] ?? 0] ?? 0
    return this.#node(NODE.not, [node])
  }

  /** Predicates first: they are decided already when a rule is looked at. */
  #node(kind: number, children: readonly number[]): number {
    const rank = (node: number): number => {
      if (this.#kinds[node] !== NODE.predicate) return 1
      return this.#predicates[this.#starts[node] ?? 0]?.kind === 'run' ? 2 : 0
    }
    return this.#intern(
      kind,
      [...children].sort((a, b) => rank(a) - rank(b) || a - b),
    )
  }

  #intern(kind: number, children: readonly number[]): number {
    const key = `${kind}:${children.join()}`
    const known = this.#nodeOf.get(key)
    if (known !== undefined) return known
    const node = this.#kinds.length
    this.#nodeOf.set(key, node)
    this.#kinds.push(kind)
    this.#uses.push(0)
    if (kind === NODE.predicate) {
      this.#starts.push(children[0] ?? 0)
      this.#ends.push(0)
    } else {
      this.#starts.push(this.#children.length)
      this.#children.push(...children)
      this.#ends.push(this.#children.length)
      for (const child of children) this.#uses[child] = (this.#uses[child] ?? 0) + 1
    }
    return node
  }

  finish(roots: readonly number[]): Program {
    for (const root of roots) this.#uses[root] = (this.#uses[root] ?? 0) + 1
    return {
      predicates: this.#predicates,
      kinds: Uint8Array.from(this.#kinds),
      starts: Int32Array.from(this.#starts),
      ends: Int32Array.from(this.#ends),
      children: Int32Array.from(this.#children),
      shared: Uint8Array.from(this.#uses, (uses) => (uses > 1 ? 1 : 0)),
      roots: Int32Array.from(roots),
    }
  }
}
