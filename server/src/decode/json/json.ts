import { timeToMs } from '../../base/timestamp.ts'
import type { Decoder, DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import { type EcsDoc, EVENT_ACTIONS, type EventAction, fieldOf } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { nestDotted } from './nest.ts'
import { measure } from './measure.ts'

const TEXT_MAX = 1_048_576
const LIMITS = { depthMax: 40, valuesMax: 20_000 }
const TIME_FIELDS = ['@timestamp', 'timestamp', 'time', 'ts', 'event.created'] as const

interface JsonOptions {
  readonly timeFields: readonly string[]
  readonly require: boolean
}

/**
 * One JSON object an item. ECS passes through, its keys nested or dotted (`{"source.ip": …}`); a
 * document without ECS keeps its own fields. The time is the first of `@timestamp`, `timestamp`,
 * `time`, `ts`, `event.created` that can be read: ISO 8601, or a number of the epoch in s, ms, µs,
 * ns or Windows FILETIME, told apart by magnitude.
 */
class JsonDecoder implements Decoder {
  readonly #options: JsonOptions

  constructor(options: JsonOptions) {
    this.#options = options
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text } = item
    if (text.length > TEXT_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${TEXT_MAX}.`)
      return
    }
    if (text.trim() === '') {
      out.routine('blank')
      return
    }
    let parsed: unknown
    try {
      parsed = JSON.parse(text)
    } catch (error) {
      out.reject('DECODE_SYNTAX', syntaxDetail(error))
      return
    }
    if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
      out.reject('DECODE_SYNTAX', `An object is needed, this is ${kindOf(parsed)} (column 1).`)
      return
    }
    const { problem, dotted } = measure(parsed, LIMITS)
    if (problem !== undefined) {
      out.reject('DECODE_TOO_DEEP', problem)
      return
    }
    this.#accept(dotted ? nestDotted(parsed as EcsDoc) : (parsed as EcsDoc), out)
  }

  #accept(doc: EcsDoc, out: DecodeSink): void {
    let timeMs: number | undefined
    let claim: unknown
    for (const field of this.#options.timeFields) {
      claim = fieldOf(doc, field)
      if (claim === undefined || claim === null) continue
      timeMs = readTime(claim)
      if (timeMs !== undefined) break
    }
    if (timeMs === undefined && this.#options.require) {
      out.reject('DECODE_TIME', `No time can be read in ${this.#options.timeFields.join(', ')}.`)
      return
    }
    out.event({ timeMs, action: actionOf(doc), doc })
  }
}

const TIME_MAX_MS = 8.64e15

function readTime(claim: unknown): number | undefined {
  const numeric = typeof claim === 'string' && /^\d{9,20}(?:\.\d{1,9})?$/.test(claim)
  const ms = timeToMs(numeric ? Number(claim) : claim)
  return ms === undefined || Math.abs(ms) > TIME_MAX_MS ? undefined : Math.trunc(ms)
}

function actionOf(doc: EcsDoc): EventAction {
  const action = fieldOf(doc, 'event.action')
  return typeof action === 'string' && Object.hasOwn(EVENT_ACTIONS, action)
    ? (action as EventAction)
    : 'event'
}

function syntaxDetail(error: unknown): string {
  const text = error instanceof Error ? error.message : 'Not JSON.'
  const at = /position (\d+)/.exec(text)
  return at === null ? text.slice(0, 200) : `${text.slice(0, 160)} (column ${Number(at[1]) + 1})`
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

export const json: DecoderSpec = {
  name: 'json',
  summary: 'One JSON object a line: ECS, with nested or dotted keys, or any other object.',
  wholeInput: true,
  objects: true,
  options: {
    time_field: 'The field that holds the time, instead of the usual ones.',
    require_time: 'true: an object without a readable time is rejected.',
  },
  create: (options = {}) => {
    const { time_field: field, require_time: require } = options
    return new JsonDecoder({
      timeFields: typeof field === 'string' && field !== '' ? [field] : TIME_FIELDS,
      require: require === true || require === 'true',
    })
  },
}
