import type { SecurityEvent } from '../../model/event.ts'
import { COLUMN_CHARACTERS_MAX, EVENT_COLUMNS, SCHEMA_VERSION } from '../schema/columns.ts'
import { createExtractor } from './extract.ts'
import type { NativeColumn } from './native.ts'
import { ListColumn, NullableColumn, NumberColumn, StringColumn, takeBlock } from './native.ts'
import { PositionColumns, clampTime, hourOf } from './position-columns.ts'
import type { RowPlace } from './position-columns.ts'

/** A document larger than this is not stored; the journal's own limit is lower. */
const DOC_CHARACTERS_MAX = 16 * 1024 * 1024
const LIST_LENGTH_MAX = 32

export const REFUSALS = {
  too_large: 'its document is larger than the store takes',
  not_json: 'its document cannot be written as JSON',
  engine: 'the engine refused it',
} as const
export type Refusal = keyof typeof REFUSALS

/** Rows of `events` on their way into one Native block. */
export class EventBlock {
  readonly #tenant: string
  readonly #places = new PositionColumns()
  readonly #tenants = new StringColumn('tenant')
  readonly #version = new NumberColumn('schema_version', 'UInt16')
  readonly #hour = new NumberColumn('hour', 'Int32')
  readonly #time = new NumberColumn('time', "DateTime64(3, 'UTC')")
  readonly #id = new StringColumn('id')
  readonly #typed = EVENT_COLUMNS.map((column) => typedColumn(column.name, column.kind))
  readonly #unfit = new ListColumn('unfit')
  readonly #doc = new StringColumn('doc')
  readonly #all: readonly NativeColumn[]
  readonly #extract = createExtractor()
  readonly #misfits: string[] = []
  #rows = 0

  constructor(tenant: string) {
    this.#tenant = tenant
    this.#all = [
      this.#tenants,
      ...this.#places.columns,
      this.#version,
      this.#hour,
      this.#time,
      this.#id,
      ...this.#typed.map((one) => one.column),
      this.#unfit,
      this.#doc,
    ]
  }

  get rows(): number {
    return this.#rows
  }

  /** About how much the block would be; documents make up most of it. */
  get bytes(): number {
    return this.#doc.bytes()
  }

  /** Adds a row, or says why it can never be one. */
  add(event: SecurityEvent, place: RowPlace): Refusal | undefined {
    let doc: string
    try {
      doc = JSON.stringify(event.doc)
    } catch {
      return 'not_json'
    }
    if (doc.length > DOC_CHARACTERS_MAX) return 'too_large'
    const time = clampTime(event.time)
    this.#tenants.add(this.#tenant)
    this.#places.add(place)
    this.#version.add(SCHEMA_VERSION)
    this.#hour.add(hourOf(time))
    this.#time.add(time)
    this.#id.add(event.id)
    const { values, several } = this.#extract(event.doc)
    const misfits = this.#misfits
    misfits.length = 0
    for (let at = 0; at < this.#typed.length; at++) {
      const typed = this.#typed[at]
      if (typed === undefined) continue
      const fits = typed.add(values[at])
      if (!fits || several[at] === true) misfits.push(typed.column.name)
    }
    this.#unfit.add(misfits)
    this.#doc.add(doc)
    this.#rows++
    return undefined
  }

  take(): Buffer {
    const block = takeBlock(this.#all, this.#rows)
    this.#rows = 0
    return block
  }
}

interface TypedColumn {
  readonly column: NativeColumn
  /** Writes a value; false where the column does not hold it as it was. */
  add(value: unknown): boolean
}

function typedColumn(name: string, kind: (typeof EVENT_COLUMNS)[number]['kind']): TypedColumn {
  switch (kind) {
    case 'text':
    case 'word': {
      const column = new StringColumn(name)
      return { column, add: (value) => addText(column, value) }
    }
    case 'words': {
      const column = new ListColumn(name)
      return { column, add: (value) => addTexts(column, value) }
    }
    case 'number': {
      const column = new NullableColumn(name)
      return { column, add: (value) => addNumber(column, value) }
    }
  }
}

function addText(column: StringColumn, value: unknown): boolean {
  if (typeof value === 'string') {
    const whole = value.length <= COLUMN_CHARACTERS_MAX
    column.add(whole ? value : value.slice(0, COLUMN_CHARACTERS_MAX))
    return whole && value !== ''
  }
  if (value === undefined) {
    column.add('')
    return true
  }
  const one: unknown = Array.isArray(value) ? value[0] : value
  const plain = typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean'
  column.add(plain ? String(one).slice(0, COLUMN_CHARACTERS_MAX) : '')
  return false
}

function addNumber(column: NullableColumn, value: unknown): boolean {
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    column.add(value)
    return true
  }
  const number = typeof value === 'string' && value !== '' ? Number(value) : Number.NaN
  column.add(Number.isSafeInteger(number) ? number : null)
  return value === undefined
}

const NONE: readonly string[] = []

function addTexts(column: ListColumn, value: unknown): boolean {
  if (value === undefined) {
    column.add(NONE)
    return true
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length <= LIST_LENGTH_MAX && list.every(isWord)) {
    column.add(list as readonly string[])
    return true
  }
  column.add(list.slice(0, LIST_LENGTH_MAX).filter(isWord))
  return false
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length <= COLUMN_CHARACTERS_MAX
}
