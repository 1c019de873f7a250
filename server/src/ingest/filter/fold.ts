import type { EcsDoc } from '../../model/event.ts'
import type { Rollup } from '../../model/journal.ts'
import type { RawItem } from '../../model/source.ts'
import type { FilterSettings } from './filter.ts'

/** Topics of one row that are told apart; beyond it `topicsCount` is a lower bound. */
const TOPICS_COUNTED_MAX = 1_000

interface Row {
  device: string
  deviceField: string | undefined
  fromMs: number
  messages: number
  bytes: number
  firstSeenMs: number
  lastSeenMs: number
  topics: Set<string> | undefined
  action: string
  dataset: string
  clientId: string | undefined
  site: string | undefined
  deviceType: string | undefined
  entry: string
  overflow: boolean
  /** The input that was counted last: several events of one input are one message. */
  item: RawItem | undefined
  /** Another row of the same device. */
  readonly next: Row | undefined
}

/**
 * Folds what one batch of input says of devices into rollup rows. It holds nothing from one batch to
 * the next: rows of one key are added up by who reads them, so a row commits with the cursor of the
 * input that it counts, and a crash neither loses nor doubles any.
 */
export class Folder {
  readonly #settings: FilterSettings
  /** By device, the rows of one linked: a key of all that tells rows apart costs more to make. */
  readonly #devices = new Map<string, Row>()
  readonly #others = new Map<string, Row>()
  readonly #rows: Row[] = []
  /** Messages that went to an overflow row. */
  overflowed = 0

  constructor(settings: FilterSettings) {
    this.#settings = settings
  }

  get size(): number {
    return this.#rows.length
  }

  /** An event of `item` that the policy folds; `time` is its event time. */
  event(doc: EcsDoc, time: number, item: RawItem, entry: string): void {
    const event = doc['event'] as EcsDoc
    const mqtt = objectAt(objectAt(doc, 'iot'), 'mqtt')
    const device = objectAt(doc, 'device')
    const clientId = textAt(mqtt, 'client_id')
    let name = textAt(device, 'id')
    let field: string | undefined
    if (name === undefined) [name, field] = nameOf(doc, clientId)
    const action = String(event['action'])
    const dataset = String(event['dataset'])
    const row = this.#row(name, time, action, dataset, entry)
    if (!row.overflow) {
      row.deviceField = field
      row.clientId ??= clientId
      row.site ??= textAt(objectAt(doc, 'iot'), 'site')
      row.deviceType ??= textAt(device, 'type')
    }
    const counted = row.item === item
    row.item = item
    const payload = mqtt?.['payload_bytes']
    const bytes = typeof payload === 'number' ? payload : sizeOf(item)
    this.#count(row, time, counted ? 0 : 1, counted ? 0 : bytes, textAt(mqtt, 'topic'))
  }

  /** The rows of the batch, and forgets them. */
  take(): Rollup[] {
    const { intervalMs, topicsMax } = this.#settings
    const rollups: Rollup[] = []
    for (const row of this.#rows) rollups.push(toRollup(row, intervalMs, topicsMax))
    this.#rows.length = 0
    this.#devices.clear()
    this.#others.clear()
    return rollups
  }

  #row(device: string, time: number, action: string, dataset: string, entry: string): Row {
    const { intervalMs, keysMax } = this.#settings
    const fromMs = Math.floor(time / intervalMs) * intervalMs
    const first = this.#devices.get(device)
    for (let row = first; row !== undefined; row = row.next) {
      if (row.fromMs === fromMs && row.action === action && row.dataset === dataset) return row
    }
    if (this.#rows.length - this.#others.size < keysMax) {
      const row = makeRow({ device, fromMs, action, dataset, entry, next: first, overflow: false })
      this.#devices.set(device, row)
      this.#rows.push(row)
      return row
    }
    this.overflowed += 1
    const key = `${fromMs} ${action} ${dataset}`
    let row = this.#others.get(key)
    if (row === undefined) {
      row = makeRow({ device: '', fromMs, action, dataset, entry, next: undefined, overflow: true })
      this.#others.set(key, row)
      this.#rows.push(row)
    }
    return row
  }

  #count(row: Row, time: number, messages: number, bytes: number, topic: string | undefined): void {
    row.messages += messages
    row.bytes += bytes
    if (time < row.firstSeenMs) row.firstSeenMs = time
    if (time > row.lastSeenMs) row.lastSeenMs = time
    if (topic === undefined) return
    row.topics ??= new Set()
    if (row.topics.size < TOPICS_COUNTED_MAX) row.topics.add(topic)
  }
}

type RowKey = Pick<Row, 'device' | 'fromMs' | 'action' | 'dataset' | 'entry' | 'next' | 'overflow'>

function makeRow(key: RowKey): Row {
  return {
    device: key.device,
    deviceField: undefined,
    fromMs: key.fromMs,
    messages: 0,
    bytes: 0,
    firstSeenMs: Number.POSITIVE_INFINITY,
    lastSeenMs: Number.NEGATIVE_INFINITY,
    topics: undefined,
    action: key.action,
    dataset: key.dataset,
    clientId: undefined,
    site: undefined,
    deviceType: undefined,
    entry: key.entry,
    overflow: key.overflow,
    item: undefined,
    next: key.next,
  }
}

function toRollup(row: Row, intervalMs: number, topicsMax: number): Rollup {
  const { deviceField, topics, clientId, site, deviceType, overflow } = row
  return {
    device: row.device,
    ...(deviceField !== undefined && { deviceField }),
    fromMs: row.fromMs,
    toMs: row.fromMs + intervalMs,
    messages: row.messages,
    bytes: row.bytes,
    firstSeenMs: row.firstSeenMs,
    lastSeenMs: row.lastSeenMs,
    ...(topics !== undefined && {
      topics: [...topics].slice(0, topicsMax),
      topicsCount: topics.size,
    }),
    action: row.action,
    dataset: row.dataset,
    ...(clientId !== undefined && { clientId }),
    ...(site !== undefined && { site }),
    ...(deviceType !== undefined && { deviceType }),
    entry: row.entry,
    ...(overflow && { overflow }),
  }
}

/** What names a device best where no asset does. */
function nameOf(
  doc: EcsDoc,
  clientId: string | undefined,
): [name: string, field: string | undefined] {
  if (clientId !== undefined) return [clientId, 'iot.mqtt.client_id']
  const host = textAt(objectAt(doc, 'host'), 'name')
  if (host !== undefined) return [host, 'host.name']
  const ip = textAt(objectAt(doc, 'source'), 'ip')
  return ip === undefined ? ['', undefined] : [ip, 'source.ip']
}

function sizeOf({ bytes, text }: RawItem): number {
  return bytes === undefined ? Buffer.byteLength(text) : bytes.byteLength
}

function objectAt(doc: EcsDoc | undefined, name: string): EcsDoc | undefined {
  const value = doc?.[name]
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  return value as EcsDoc
}

function textAt(doc: EcsDoc | undefined, name: string): string | undefined {
  const value = doc?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
