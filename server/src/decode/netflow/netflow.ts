import { ANEW } from '../../base/anew.ts'
import { hexBytes, hexText } from '../../base/inflate.ts'
import type { Decoder, DecoderSpec, DecodeSink, Draft, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { isObject } from '../document/values.ts'
import { plainIp } from '../mosquitto/address.ts'
import { KeptMap } from '../kept-map.ts'
import {
  type Fields,
  readRecords,
  readSets,
  readTemplates,
  type Sets,
  type Template,
  u16,
} from './datagram.ts'
import { flowDraft, initTime, readV5 } from './flow.ts'

const DATAGRAM_MAX = 65_535
const TEMPLATES_MAX = 10_000
const HELD_MAX = 200
const EXPORTERS_MAX = 10_000
const EVENTS_MAX = 5_000

interface Held {
  readonly item: RawItem
  readonly hex: string
}

type Reading =
  | { readonly kind: 'events'; readonly drafts: readonly Draft[] }
  | { readonly kind: 'waits' }
  | { readonly kind: 'broken'; readonly detail: string }

/**
 * NetFlow 5 and 9 and IPFIX, one datagram an item (`bytes`, or hexadecimal digits as text). Templates
 * are kept per exporter (fact `peer`) and observation domain. A datagram whose template has not come
 * yet is held, at most 200 of them, and decoded when it has.
 */
class NetflowDecoder implements Decoder {
  readonly #templates = new KeptMap<Template>('t:', TEMPLATES_MAX)
  readonly #starts = new KeptMap<number>('s:', EXPORTERS_MAX)
  readonly #held = new KeptMap<Held>('d:', HELD_MAX)

  decode(item: RawItem, out: DecodeSink): void {
    const text = item.text.trim()
    if (item.bytes === undefined && text === '') {
      out.routine('blank')
      return
    }
    const bytes = item.bytes ?? (text.length > DATAGRAM_MAX * 2 ? undefined : hexBytes(text))
    if (bytes === undefined || bytes.length < 4 || bytes.length > DATAGRAM_MAX) {
      out.reject('DECODE_SYNTAX', 'No datagram: neither bytes nor hexadecimal digits of one.')
      return
    }
    const version = u16(bytes, 0)
    if (version === 5) {
      const drafts = readV5(bytes, exporterOf(item))
      if (drafts === undefined) out.reject('DECODE_SYNTAX', 'The datagram of version 5 breaks off.')
      else tell(drafts, undefined, out, hexOf(item.bytes))
    } else if (version === 9 || version === 10) {
      this.#take(item, bytes, out)
    } else {
      out.reject('DECODE_UNKNOWN', `Version ${version} is none of 5, 9 and 10.`)
    }
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#templates.takeChanges(changes)
    this.#starts.takeChanges(changes)
    this.#held.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    const all = [...entries]
    this.#templates.restore(all)
    this.#starts.restore(all)
    for (const [key, value] of [...this.#starts]) {
      if (!Number.isFinite(value)) this.#starts.delete(key)
    }
    this.#held.restore(all)
    for (const [key, value] of [...this.#templates])
      if (!isTemplate(value)) this.#templates.delete(key)
    for (const [key, value] of [...this.#held]) if (!isHeld(value)) this.#held.delete(key)
  }

  /** What still waits for a template is told as it is, unclassified. */
  settle(out: DecodeSink): void {
    for (const [key, { item, hex }] of [...this.#held]) {
      this.#held.delete(key)
      const event = {
        kind: 'event',
        category: ['network'],
        code: 'template-unknown',
        reason: 'No template came',
      }
      const doc = { event, observer: { type: 'netflow', ...exporterOf(item) } }
      out.event({ timeMs: undefined, action: 'event', doc, origin: item, original: hex })
    }
  }

  stats(): Readonly<Record<string, number>> {
    const templates = this.#templates.size
    return { templates, templates_evicted: this.#templates.evicted, held: this.#held.size }
  }

  #take(item: RawItem, bytes: Uint8Array, out: DecodeSink): void {
    const sets = readSets(bytes)
    if (typeof sets === 'string') {
      out.reject('DECODE_SYNTAX', `${sets}.`)
      return
    }
    const exporter = `${item.facts?.['peer'] ?? ''}|${sets.domain}|`
    const learnt = this.#learn(sets, exporter)
    if (learnt === undefined) {
      out.reject('DECODE_SYNTAX', 'A template breaks off.')
      return
    }
    const reading = this.#read(sets, exporter, item)
    if (reading.kind === 'broken') out.reject('DECODE_SYNTAX', `${reading.detail}.`)
    else if (reading.kind === 'waits') this.#hold(item, bytes, exporter, out)
    else if (reading.drafts.length === 0) out.routine(learnt > 0 ? 'template' : 'options')
    else tell(reading.drafts, undefined, out, hexOf(item.bytes))
    if (learnt > 0) this.#release(exporter, out)
  }

  /** How many templates came; undefined where one breaks off. */
  #learn(sets: Sets, exporter: string): number | undefined {
    let learnt = 0
    for (const set of sets.sets) {
      const isTemplate = sets.version === 9 ? set.id <= 1 : set.id === 2 || set.id === 3
      if (!isTemplate) continue
      const templates = readTemplates(set, sets.version)
      if (templates === undefined) return undefined
      for (const [id, template] of templates) {
        learnt += 1
        if (template === undefined) this.#templates.delete(exporter + id)
        else this.#templates.set(exporter + id, template)
      }
    }
    return learnt
  }

  /** When an exporter started, by which the uptimes in its flows are read (IPFIX has none in its header). */
  #learnStart(records: readonly Fields[], exporter: string): void {
    for (const fields of records) {
      const initMs = initTime(fields)
      if (initMs !== undefined && this.#starts.get(exporter) !== initMs) {
        this.#starts.set(exporter, initMs)
      }
    }
  }

  #read(sets: Sets, exporter: string, item: RawItem): Reading {
    const drafts: Draft[] = []
    const observer = exporterOf(item)
    for (const { id, body } of sets.sets) {
      if (id < 256) continue
      const template = this.#templates.get(exporter + id)
      if (template === undefined) return { kind: 'waits' }
      const records = readRecords(body, template)
      if (records === undefined)
        return { kind: 'broken', detail: `A record of template ${id} breaks off` }
      if (template.options) {
        this.#learnStart(records, exporter)
        continue
      }
      const times = { ...sets, initMs: this.#starts.get(exporter) }
      for (const fields of records) {
        if (drafts.length >= EVENTS_MAX)
          return { kind: 'broken', detail: `More than ${EVENTS_MAX} flows` }
        drafts.push(flowDraft(fields, times, observer, sets.version === 9 ? 'v9' : 'ipfix'))
      }
    }
    return { kind: 'events', drafts }
  }

  #hold(item: RawItem, bytes: Uint8Array, exporter: string, out: DecodeSink): void {
    if (this.#held.size >= HELD_MAX) {
      out.reject(
        'DECODE_UNKNOWN',
        `No template for it came yet, and ${HELD_MAX} datagrams wait already.`,
      )
      return
    }
    const hex = hexOf(bytes) ?? ''
    const { key, receivedMs, facts } = item
    const kept = { text: '', key, receivedMs, ...(facts === undefined ? {} : { facts }) }
    this.#held.set(`${exporter}${key}`, { item: kept, hex })
  }

  /** Decodes what waited for the templates of this exporter and has them now. */
  #release(exporter: string, out: DecodeSink): void {
    for (const [key, { item, hex }] of [...this.#held]) {
      if (!key.startsWith(exporter)) continue
      const sets = readSets(hexBytes(hex) ?? new Uint8Array())
      const reading: Reading =
        typeof sets === 'string'
          ? { kind: 'broken', detail: sets }
          : this.#read(sets, exporter, item)
      if (reading.kind === 'waits') continue
      this.#held.delete(key)
      if (reading.kind === 'events' && reading.drafts.length > 0)
        tell(reading.drafts, item, out, hex)
      else {
        const reason = reading.kind === 'broken' ? reading.detail : 'Options only'
        const doc = { event: { kind: 'event', category: ['network'], code: 'held', reason } }
        out.event({ timeMs: undefined, action: 'event', doc, origin: item, original: hex })
      }
    }
  }
}

/** The first flow of a datagram keeps all of it, as hexadecimal digits. */
function tell(
  drafts: readonly Draft[],
  origin: RawItem | undefined,
  out: DecodeSink,
  hex: string | undefined,
): void {
  for (const [part, draft] of drafts.entries()) {
    const original = hex === undefined || part === 0 ? hex : ''
    out.event({
      ...ANEW,
      ...draft,
      part,
      ...(origin === undefined ? {} : { origin }),
      ...(original === undefined ? {} : { original }),
    })
  }
}

function hexOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : hexText(bytes)
}

function exporterOf(item: RawItem): EcsDoc {
  const peer = item.facts?.['peer']
  const ip = peer === undefined ? undefined : plainIp(peer)
  return ip === undefined ? {} : { ip: [ip] }
}

function isTemplate(value: unknown): boolean {
  if (!isObject(value) || typeof value['options'] !== 'boolean') return false
  const fields = value['fields']
  const isNumbers = (field: unknown): boolean =>
    Array.isArray(field) &&
    field.length === 3 &&
    field.every((part) => Number.isInteger(part) && part >= 0)
  return Array.isArray(fields) && fields.length <= 500 && fields.every(isNumbers)
}

function isHeld(value: unknown): boolean {
  if (!isObject(value) || typeof value['hex'] !== 'string') return false
  const { item } = value
  return isObject(item) && typeof item['key'] === 'string' && typeof item['receivedMs'] === 'number'
}

export const netflow: DecoderSpec = {
  name: 'netflow',
  summary: 'NetFlow 5 and 9 and IPFIX, one datagram an item, or as hexadecimal digits a line.',
  binary: true,
  create: () => new NetflowDecoder(),
}
