import type { Rollup } from '../../model/journal.ts'
import type { NativeColumn } from './native.ts'
import { ListColumn, NumberColumn, StringColumn, takeBlock } from './native.ts'
import { PositionColumns, clampTime, hourOf } from './position-columns.ts'
import type { RowPlace } from './position-columns.ts'

const TIME = "DateTime64(3, 'UTC')"
const TOPICS_MAX = 100

/** Rows of `rollups` on their way into one Native block. */
export class RollupBlock {
  readonly #tenant: string
  readonly #places = new PositionColumns()
  readonly #tenants = new StringColumn('tenant')
  readonly #hour = new NumberColumn('hour', 'Int32')
  readonly #device = new StringColumn('device_id')
  readonly #from = new NumberColumn('from_time', TIME)
  readonly #to = new NumberColumn('to_time', TIME)
  readonly #messages = new NumberColumn('messages', 'UInt64')
  readonly #bytes = new NumberColumn('bytes', 'UInt64')
  readonly #lastSeen = new NumberColumn('last_seen', TIME)
  readonly #topics = new ListColumn('topics')
  readonly #source = new StringColumn('source')
  readonly #field = new StringColumn('device_field')
  readonly #action = new StringColumn('event_action')
  readonly #dataset = new StringColumn('event_dataset')
  readonly #client = new StringColumn('mqtt_client_id')
  readonly #site = new StringColumn('iot_site')
  readonly #type = new StringColumn('device_type')
  readonly #entry = new StringColumn('entry')
  readonly #firstSeen = new NumberColumn('first_seen', TIME)
  readonly #topicsCount = new NumberColumn('topics_count', 'UInt32')
  readonly #overflow = new NumberColumn('overflow', 'UInt16')
  readonly #all: readonly NativeColumn[]
  #rows = 0

  constructor(tenant: string) {
    this.#tenant = tenant
    this.#all = [
      this.#tenants,
      ...this.#places.columns,
      this.#hour,
      this.#device,
      this.#from,
      this.#to,
      this.#messages,
      this.#bytes,
      this.#lastSeen,
      this.#topics,
      this.#source,
      this.#field,
      this.#action,
      this.#dataset,
      this.#client,
      this.#site,
      this.#type,
      this.#entry,
      this.#firstSeen,
      this.#topicsCount,
      this.#overflow,
    ]
  }

  get rows(): number {
    return this.#rows
  }

  add(rollup: Rollup, place: RowPlace, source: string): void {
    const fromMs = clampTime(rollup.fromMs)
    this.#tenants.add(this.#tenant)
    this.#places.add(place)
    this.#hour.add(hourOf(fromMs))
    this.#device.add(rollup.device)
    this.#from.add(fromMs)
    this.#to.add(clampTime(rollup.toMs))
    this.#messages.add(Math.max(0, Math.floor(rollup.messages)))
    this.#bytes.add(Math.max(0, Math.floor(rollup.bytes)))
    this.#lastSeen.add(clampTime(rollup.lastSeenMs))
    const { topics = [] } = rollup
    this.#topics.add(topics.slice(0, TOPICS_MAX))
    this.#source.add(source)
    this.#field.add(rollup.deviceField ?? 'device.id')
    this.#action.add(rollup.action ?? '')
    this.#dataset.add(rollup.dataset ?? '')
    this.#client.add(rollup.clientId ?? '')
    this.#site.add(rollup.site ?? '')
    this.#type.add(rollup.deviceType ?? '')
    this.#entry.add(rollup.entry ?? '')
    this.#firstSeen.add(clampTime(rollup.firstSeenMs ?? rollup.fromMs))
    this.#topicsCount.add(rollup.topicsCount ?? topics.length)
    this.#overflow.add(rollup.overflow === true ? 1 : 0)
    this.#rows++
  }

  take(): Buffer {
    const block = takeBlock(this.#all, this.#rows)
    this.#rows = 0
    return block
  }
}
