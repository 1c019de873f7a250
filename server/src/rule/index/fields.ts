import { VALUE_DEPTH_MAX } from '../../model/condition.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { Marks } from './marks.ts'
import { Memo } from './memo.ts'
import { Probe } from './probe.ts'
import { ANYWHERE, type Predicate } from './program.ts'
import type { Steps } from './steps.ts'
import type { LiteralTables } from './texts.ts'

type Scalar = string | number | boolean

/** A field that rules ask for: its tests, and its values in the event at hand. */
export class FieldSlot {
  readonly probe = new Probe()
  readonly #values: Scalar[] = []
  #count = 0
  #epoch = 0

  /** Values are kept only for predicates that are run later. */
  keep(value: Scalar, epoch: number): void {
    if (this.#epoch !== epoch) {
      this.#epoch = epoch
      this.#count = 0
    }
    this.#values[this.#count++] = value
  }

  some(epoch: number, fits: (text: string) => boolean): boolean {
    if (this.#epoch !== epoch) return false
    for (let at = 0; at < this.#count; at++) {
      const value = this.#values[at]!
      if (fits(typeof value === 'string' ? value : String(value))) return true
    }
    return false
  }
}

class TrieNode {
  readonly children = new Map<string, TrieNode>()
  slot: FieldSlot | undefined
  readonly memo = new Memo()
  /** Where keys that were met lead to, `UNASKED` for nowhere; so many as are kept. */
  readonly #steps = new Map<string, TrieNode>()

  /** Keys of the objects that were met last and where they lead to, by their place in the object. */
  readonly #lastKeys: string[] = []
  readonly #lastNodes: (TrieNode | undefined)[] = []

  /** `under` of the key at a place of an object: most objects are built like the one before. */
  underAt(key: string, place: number, spare: Spare | undefined): TrieNode | undefined {
    if (this.#lastKeys[place] === key) return this.#lastNodes[place]
    const node = this.under(key, spare)
    if (place <= this.#lastKeys.length && place < STEPS_MAX) {
      this.#lastKeys[place] = key
      this.#lastNodes[place] = node
    }
    return node
  }

  /** Where no rule asks for the key there is a node too, while some are to `spare`. */
  under(key: string, spare: Spare | undefined): TrieNode | undefined {
    const known = this.#steps.get(key)
    if (known !== undefined) return known === UNASKED ? undefined : known
    let node = this.children.get(key) ?? (key.includes('.') ? descend(this, key) : undefined)
    if (this.#steps.size >= STEPS_MAX) return node
    if (node === undefined && spare !== undefined && spare.nodes > 0) {
      spare.nodes--
      node = new TrieNode()
    }
    this.#steps.set(key, node ?? UNASKED)
    return node
  }
}

const STEPS_MAX = 500
const STEP_PREDICATES = 200
/** Nodes for what no rule asks for, so that values seen there before are known again. */
const SPARE_NODES = 512

interface Spare {
  nodes: number
}
const UNASKED = new TrieNode()

/**
 * The fields of all rules as a tree of names, so that one walk over an event finds every value that
 * any rule asks for, whatever way its paths are spelled.
 */
export class Fields {
  readonly #root = new TrieNode()
  /** For tests of any value of the event. */
  #anywhere: FieldSlot | undefined
  #spare: Spare | undefined
  readonly #slotOf: FieldSlot[] = []
  /** One of each field, in the order in which predicates ask for them. */
  readonly #slots: FieldSlot[] = [];

  /** `tables`: what `literalTables` of the same predicates told, made before. */
  static *steps(
    predicates: readonly Predicate[],
    tables: readonly (LiteralTables | undefined)[] = [],
  ): Steps<Fields> {
    const fields = new Fields()
    const slots = new Set<FieldSlot>()
    for (const [number, predicate] of predicates.entries()) {
      if (predicate.kind === 'run') continue
      const slot = fields.#slotOfPath(predicate.path)
      slot.probe.add(number, predicate.test)
      slots.add(slot)
      fields.#slotOf[number] = slot
      if (number % STEP_PREDICATES === 0) yield
    }
    const anywhere = fields.#anywhere
    if (anywhere !== undefined) {
      anywhere.probe.finish(undefined, tables[0])
      fields.#spare = { nodes: SPARE_NODES }
    }
    for (const slot of slots) {
      yield
      if (slot === anywhere) continue
      fields.#slots.push(slot)
      slot.probe.finish(anywhere?.probe, tables[fields.#slots.length])
    }
    return fields
  }

  /** That of the tests of any value, then those of the fields. */
  literalTables(): readonly (LiteralTables | undefined)[] {
    return [this.#anywhere, ...this.#slots].map((slot) => slot?.probe.literalTables)
  }

  #slotOfPath(path: string): FieldSlot {
    if (path === ANYWHERE) return (this.#anywhere ??= new FieldSlot())
    return this.#slotAt(path)
  }

  slotOf(predicate: number): FieldSlot | undefined {
    return this.#slotOf[predicate]
  }

  #slotAt(path: string): FieldSlot {
    let node = this.#root
    for (const name of path.split('.')) {
      let child = node.children.get(name)
      if (child === undefined) {
        child = new TrieNode()
        node.children.set(name, child)
      }
      node = child
    }
    node.slot ??= new FieldSlot()
    return node.slot
  }

  /** Marks every predicate of every field of the event. */
  look(doc: EcsDoc, marks: Marks): void {
    this.#object(this.#root, doc, { depth: 0, marks })
  }

  #object(node: TrieNode | undefined, object: EcsDoc, at: At): void {
    // Events are plain data: what a prototype has is not enumerable.
    let place = 0
    for (const key in object) {
      const child = node?.underAt(key, place++, this.#spare)
      if (child === undefined && this.#anywhere === undefined) continue
      at.depth++
      if (at.depth <= VALUE_DEPTH_MAX && child?.slot !== undefined) {
        for (const predicate of child.slot.probe.present) at.marks.hold(predicate)
      }
      this.#value(child, object[key], at)
      at.depth--
    }
  }

  #value(node: TrieNode | undefined, value: unknown, at: At): void {
    if (at.depth > VALUE_DEPTH_MAX || value === null || value === undefined) return
    if (typeof value === 'object') {
      if (Array.isArray(value)) {
        at.depth++
        for (const item of value as unknown[]) this.#value(node, item, at)
        at.depth--
        return
      }
      if (node?.slot !== undefined) {
        for (const predicate of node.slot.probe.exists) at.marks.hold(predicate)
      }
      if (this.#anywhere === undefined && (node === undefined || node.children.size === 0)) return
      this.#object(node, value as EcsDoc, at)
      return
    }
    const slot = node?.slot
    const anywhere = this.#anywhere
    if (slot === undefined && anywhere === undefined) return
    if (slot?.probe.hasMatchers === true) slot.keep(value as Scalar, at.marks.epoch)
    if (anywhere?.probe.hasMatchers === true) anywhere.keep(value as Scalar, at.marks.epoch)
    const memo = node?.memo
    const codes = memo?.find(value as Scalar)
    if (codes !== undefined) {
      if (codes.length > 0) at.marks.replay(codes)
      return
    }
    const wanted = memo?.wants(value as Scalar) === true
    if (wanted) at.marks.record()
    if (anywhere !== undefined) {
      for (const predicate of anywhere.probe.present) at.marks.hold(predicate)
      lookAt(anywhere, value as Scalar, at.marks, slot?.probe.readsBeside)
    }
    if (slot !== undefined) lookAt(slot, value as Scalar, at.marks)
    if (wanted) memo?.put(value as Scalar, at.marks.recorded())
  }
}

/** Where the walk is; one object a walk, not one a step. */
interface At {
  depth: number
  readonly marks: Marks
}

function lookAt(slot: FieldSlot, value: Scalar, marks: Marks, isRead?: boolean): void {
  const { probe } = slot
  for (const predicate of probe.exists) marks.hold(predicate)
  probe.look(value, marks, isRead)
}

/** The node under a key that holds several names at once. */
function descend(node: TrieNode, key: string): TrieNode | undefined {
  let at: TrieNode | undefined = node
  for (const name of key.split('.')) at = at?.children.get(name)
  return at
}
