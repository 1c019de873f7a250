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
  /** Undefined where there is too little to be saved. */
  memo: Memo | undefined
  readonly #values: Scalar[] = []
  #count = 0
  /** Of the event whose values these are. */
  #stamp = 0

  /** Values are kept only for predicates that are run later. */
  keep(value: Scalar, stamp: number): void {
    if (this.#stamp !== stamp) {
      this.#stamp = stamp
      this.#count = 0
    }
    this.#values[this.#count++] = value
  }

  someBeyond(stamp: number, predicate: number): boolean {
    if (this.#stamp !== stamp) return false
    for (let at = 0; at < this.#count; at++) {
      if (this.probe.boundHolds(predicate, this.#values[at]!)) return true
    }
    return false
  }

  some(stamp: number, fits: (text: string) => boolean): boolean {
    if (this.#stamp !== stamp) return false
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
  /** Of a node without a slot: of what any value says. */
  memo: Memo | undefined
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
      node.memo = new Memo()
    }
    this.#steps.set(key, node ?? UNASKED)
    return node
  }
}

const STEPS_MAX = 500
const STEP_PREDICATES = 200
/** With fewer predicates asking anew costs no more than remembering; such indexes are made by the thousand. */
const MEMO_PREDICATES = 16
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
  /** Of each predicate, whether nothing marks it: it is decided when it is asked for. */
  readonly lazy: Uint8Array
  readonly #slotOf: FieldSlot[] = []
  /** One of each field, in the order in which predicates ask for them. */
  readonly #slots: FieldSlot[] = []

  private constructor(predicates: number) {
    this.lazy = new Uint8Array(predicates)
  }

  /** `tables`: what `literalTables` of the same predicates told, made before. */
  static *steps(
    predicates: readonly Predicate[],
    tables: readonly (LiteralTables | undefined)[] = [],
  ): Steps<Fields> {
    const fields = new Fields(predicates.length)
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
      if (predicates.length >= MEMO_PREDICATES) fields.#spare = { nodes: SPARE_NODES }
    }
    for (const slot of slots) {
      yield
      if (slot === anywhere) continue
      fields.#slots.push(slot)
      if (predicates.length >= MEMO_PREDICATES) slot.memo = new Memo()
      slot.probe.finish(anywhere?.probe, tables[fields.#slots.length])
    }
    return fields
  }

  /** That of the tests of any value, then those of the fields. */
  literalTables(): readonly (LiteralTables | undefined)[] {
    return [this.#anywhere, ...this.#slots].map((slot) => slot?.probe.literalTables)
  }

  /** `isNeeded`: whether some rule is looked at only where the predicate was marked. */
  chooseBounds(isNeeded: (predicate: number) => boolean): void {
    this.lazy.fill(0)
    for (const { probe } of this.#slots) {
      if (!probe.hasBounds) continue
      probe.chooseBounds(isNeeded)
      for (const predicate of probe.lazy) this.lazy[predicate] = 1
    }
    // What was remembered of values holds no longer.
    for (const slot of this.#slots) {
      if (slot.probe.hasBounds && slot.memo !== undefined) slot.memo = new Memo()
    }
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
    const anywhere = this.#anywhere
    const inReach = at.depth < VALUE_DEPTH_MAX
    // Events are plain data: what a prototype has is not enumerable.
    let place = 0
    for (const key in object) {
      const child = node?.underAt(key, place++, this.#spare)
      if (child === undefined && anywhere === undefined) continue
      const slot = child?.slot
      if (slot !== undefined && inReach) holdAll(slot.probe.present, at.marks)
      const value = object[key]
      if (typeof value !== 'object') {
        if (inReach) this.#scalar(child, value as Scalar | undefined, at.marks)
        continue
      }
      at.depth++
      this.#nested(child, value, at)
      at.depth--
    }
  }

  #nested(node: TrieNode | undefined, value: object | null, at: At): void {
    if (at.depth > VALUE_DEPTH_MAX || value === null) return
    if (Array.isArray(value)) {
      at.depth++
      for (const item of value as unknown[]) {
        if (typeof item === 'object') this.#nested(node, item, at)
        else if (at.depth <= VALUE_DEPTH_MAX) this.#scalar(node, item as Scalar, at.marks)
      }
      at.depth--
      return
    }
    const exists = node?.slot?.probe.exists
    if (exists !== undefined && exists.length > 0 && holdsValue(value, 0)) {
      holdAll(exists, at.marks)
    }
    if (this.#anywhere === undefined && (node === undefined || node.children.size === 0)) return
    this.#object(node, value as EcsDoc, at)
  }

  #scalar(node: TrieNode | undefined, value: Scalar | undefined, marks: Marks): void {
    const slot = node?.slot
    const anywhere = this.#anywhere
    if (value === undefined || (slot === undefined && anywhere === undefined)) return
    if (slot?.probe.asksLater === true) slot.keep(value, marks.stamp)
    if (anywhere?.probe.asksLater === true) anywhere.keep(value, marks.stamp)
    const memo = slot === undefined ? node?.memo : slot.memo
    if (memo !== undefined) {
      const codes = memo.find(value)
      if (codes !== undefined) {
        if (codes.length > 0) marks.replay(codes)
        return
      }
      if (memo.wants(value)) {
        marks.record()
        this.#look(slot, value, marks)
        memo.put(value, marks.recorded())
        return
      }
    }
    this.#look(slot, value, marks)
  }

  #look(slot: FieldSlot | undefined, value: Scalar, marks: Marks): void {
    const anywhere = this.#anywhere
    if (anywhere !== undefined) {
      holdAll(anywhere.probe.present, marks)
      holdAll(anywhere.probe.exists, marks)
      anywhere.probe.look(value, marks, slot?.probe.readsBeside)
    }
    if (slot === undefined) return
    holdAll(slot.probe.exists, marks)
    slot.probe.look(value, marks)
  }
}

/** Where the walk is; one object a walk, not one a step. */
interface At {
  depth: number
  readonly marks: Marks
}

/** Whether anything but null and empty objects and lists is in it. */
function holdsValue(value: unknown, depth: number): boolean {
  if (typeof value !== 'object') return value !== undefined
  if (value === null || depth > VALUE_DEPTH_MAX) return false
  const inner = Array.isArray(value) ? (value as unknown[]) : Object.values(value)
  return inner.some((each) => holdsValue(each, depth + 1))
}

function holdAll(predicates: readonly number[], marks: Marks): void {
  for (let at = 0; at < predicates.length; at++) marks.hold(predicates[at]!)
}

/** The node under a key that holds several names at once. */
function descend(node: TrieNode, key: string): TrieNode | undefined {
  let at: TrieNode | undefined = node
  for (const name of key.split('.')) at = at?.children.get(name)
  return at
}
