import type { Decoder, DecodeSink } from '../../model/decoder.ts'
import { type EcsDoc, EVENT_ACTIONS, type EventAction } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { Frame } from '../line/frame.ts'
import { parseZone } from '../line/zone.ts'
import { type Fields, type Form, type Mapping, valueOf } from './mapping.ts'
import { evaluate } from './values.ts'

const LINE_MAX = 1_048_576

/** Decodes line by line as a mapping says; keeps no memory. */
export class MappingDecoder implements Decoder {
  readonly #mapping: Mapping
  readonly #frame: Frame | undefined

  constructor(mapping: Mapping) {
    this.#mapping = mapping
    const zone = parseZone(mapping.zone) ?? (() => 0)
    this.#frame = mapping.framed ? new Frame({ zone, monthFirst: false }) : undefined
  }

  decode(item: RawItem, out: DecodeSink): void {
    if (item.text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `${item.text.length} characters, at most ${LINE_MAX}.`)
      return
    }
    this.#frame?.read(item.text, item.receivedMs)
    const line = this.#frame?.message ?? item.text
    if (line.trim() === '') {
      out.routine('blank')
      return
    }
    for (const form of this.#mapping.forms) {
      const fields = fieldsOf(form, line, this.#frame)
      if (fields === undefined) continue
      if (form.routine === undefined) this.#tell(form, fields, item, out)
      else out.routine(form.routine)
      return
    }
    out.reject('DECODE_UNKNOWN', `No form of the mapping ${this.#mapping.name} fits.`)
  }

  #tell(form: Form, fields: Fields, item: RawItem, out: DecodeSink): void {
    let timeMs = this.#frame?.timeMs
    if (form.time !== undefined) {
      const claim = valueOf(fields, form.time.field)
      timeMs = form.time.read(claim, item.receivedMs)
      if (timeMs === undefined) {
        out.reject('DECODE_TIME', `No time can be read in ${form.time.field}.`)
        return
      }
    }
    const doc: EcsDoc = {}
    const unfit: string[] = []
    for (const { path, rule } of form.targets) {
      const made = evaluate(rule, fields)
      if (typeof made === 'object') {
        put(doc, path, made.value)
        continue
      }
      if (rule.required) {
        out.reject('DECODE_FIELD', `${path.join('.')} is missing, or of another type.`)
        return
      }
      if (made === 'unfit') unfit.push(path.join('.'))
    }
    if (unfit.length > 0) put(doc, ['labels', 'unconverted'], unfit.join(','))
    const host = this.#frame?.host
    if (host !== undefined && doc['host'] === undefined) doc['host'] = { name: host }
    out.event({ timeMs, action: actionOf(form, fields), doc })
  }
}

function actionOf(form: Form, fields: Fields): EventAction {
  const made = evaluate(form.action, fields)
  const name = typeof made === 'object' ? String(made.value) : 'event'
  return Object.hasOwn(EVENT_ACTIONS, name) ? (name as EventAction) : 'event'
}

function fieldsOf(form: Form, line: string, frame: Frame | undefined): Fields | undefined {
  for (const test of form.match) if (!test(line)) return undefined
  const fields: Fields = new Map<string, unknown>([['message', line]])
  if (frame?.host !== undefined) fields.set('frame.host', frame.host)
  if (frame?.program !== undefined) fields.set('frame.program', frame.program)
  for (const { field, run } of form.steps) {
    const text = field === undefined ? line : valueOf(fields, field)
    if (typeof text !== 'string' || !run(text, fields)) return undefined
  }
  for (const { field, holds } of form.when) if (!holds(valueOf(fields, field))) return undefined
  return fields
}

function put(doc: EcsDoc, path: readonly string[], value: unknown): void {
  let at = doc
  for (const part of path.slice(0, -1)) {
    const inner = at[part]
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) at[part] = {}
    at = at[part] as EcsDoc
  }
  at[path.at(-1) ?? ''] = value
}
