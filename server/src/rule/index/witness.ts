import { NODE, type Predicate, type Program } from './program.ts'
import type { Steps } from './steps.ts'

/** Which rules to look at once a predicate holds, and which to look at always. */
export interface Witnesses {
  /** Rules of a predicate stand from `offsets[p]` to `offsets[p + 1]` in `rules`. */
  readonly offsets: Int32Array
  readonly rules: Int32Array
  readonly always: readonly number[]
}

const STEP_RULES = 50
const STEP_NODES = 1_000

interface Choice {
  readonly cost: number
  readonly predicates: readonly number[]
}

const NOTHING_NEEDED: Choice = { cost: 0, predicates: [] }

/**
 * For each rule a set of predicates one of which holds whenever the rule matches: of an AND the
 * cheapest part's, of an OR all parts' together. `costs` say how often a predicate is thought, or
 * was seen, to hold.
 */
export function* witnessSteps(program: Program, costs: Float64Array): Steps<Witnesses> {
  /** A predicate and a rule each; rules ascend. */
  const pairs: number[] = []
  const always: number[] = []
  const known = new Map<number, Choice | undefined>()
  const { roots } = program
  for (let rule = 0; rule < roots.length; rule++) {
    const choice = witnessOf(program, { node: roots[rule] ?? 0, negated: false, costs, known })
    if (choice === undefined) always.push(rule)
    else for (const predicate of new Set(choice.predicates)) pairs.push(predicate, rule)
    if (rule % STEP_RULES === 0) yield
  }
  return { ...grouped(pairs, program.predicates.length), always }
}

function grouped(pairs: readonly number[], predicates: number): Omit<Witnesses, 'always'> {
  const offsets = new Int32Array(predicates + 1)
  for (let at = 0; at < pairs.length; at += 2) offsets[pairs[at]! + 1]! += 1
  for (let at = 0; at < predicates; at++) offsets[at + 1]! += offsets[at]!
  const rules = new Int32Array(pairs.length / 2)
  const next = offsets.slice()
  for (let at = 0; at < pairs.length; at += 2) rules[next[pairs[at]!]!++] = pairs[at + 1]!
  return { offsets, rules }
}

interface Search {
  readonly node: number
  readonly negated: boolean
  readonly costs: Float64Array
  readonly known: Map<number, Choice | undefined>
}

function witnessOf(program: Program, search: Search): Choice | undefined {
  const { node, negated, known } = search
  const key = node * 2 + (negated ? 1 : 0)
  if (known.has(key)) return known.get(key)
  const choice = compute(program, search)
  known.set(key, choice)
  return choice
}

/** Undefined: the node may hold though no predicate does. */
function compute(program: Program, search: Search): Choice | undefined {
  const { node, negated, costs } = search
  const kind = program.kinds[node]
  const start = program.starts[node] ?? 0
  if (kind === NODE.predicate) {
    if (negated || program.predicates[start]?.kind === 'run') return undefined
    return { cost: costs[start] ?? 1, predicates: [start] }
  }
  if (kind === NODE.never) return negated ? undefined : NOTHING_NEEDED
  if (kind === NODE.always) return negated ? NOTHING_NEEDED : undefined
  const isNot = kind === NODE.not
  const children = Array.from(program.children.subarray(start, program.ends[node]))
  const choices = children.map((child) =>
    witnessOf(program, { ...search, node: child, negated: isNot ? !negated : negated }),
  )
  if (isNot) return choices[0]
  const cheapest = (kind === NODE.and) !== negated
  return cheapest ? cheapestOf(choices) : together(choices)
}

function cheapestOf(choices: readonly (Choice | undefined)[]): Choice | undefined {
  let best: Choice | undefined
  for (const choice of choices) {
    if (choice !== undefined && (best === undefined || choice.cost < best.cost)) best = choice
  }
  return best
}

function together(choices: readonly (Choice | undefined)[]): Choice | undefined {
  let cost = 0
  const predicates: number[] = []
  for (const choice of choices) {
    if (choice === undefined) return undefined
    cost += choice.cost
    for (const predicate of choice.predicates) predicates.push(predicate)
  }
  return { cost, predicates }
}

/** How often predicates hold, before any event was seen: by their kind, and by how many share them. */
export function* firstCostSteps(program: Program): Steps<Float64Array> {
  const { kinds, starts, ends, children, predicates } = program
  const uses = new Float64Array(predicates.length)
  for (let node = 0; node < kinds.length; node++) {
    if (node % STEP_NODES === 0) yield
    if (kinds[node] === NODE.predicate) continue
    for (let at = starts[node] ?? 0; at < (ends[node] ?? 0); at++) {
      const child = children[at] ?? 0
      const number = starts[child] ?? 0
      if (kinds[child] === NODE.predicate) uses[number] = (uses[number] ?? 0) + 1
    }
  }
  const costs = new Float64Array(predicates.length)
  for (const [number, predicate] of predicates.entries()) {
    if (number % STEP_NODES === 0) yield
    costs[number] = kindCost(predicate) * (1 + (uses[number] ?? 0) / 8)
  }
  return costs
}

function kindCost(predicate: Predicate): number {
  if (predicate.kind === 'run') return 100
  const { test } = predicate
  switch (test.kind) {
    case 'equals':
      return 1
    case 'cidr':
      return 4
    case 'prefix':
    case 'suffix':
    case 'substring':
      return 2 + 20 / (1 + test.value.length)
    case 'wildcard':
    case 'regex':
      return 8
    case 'timepart':
    case 'compare':
      return 20
    case 'exists':
    case 'present':
    case 'fieldref':
      return 40
  }
}
