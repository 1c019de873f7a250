import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { type Fields } from '../custom/mapping.ts'
import { csv, splitCsv } from '../custom/steps.ts'
import { decodeDocuments, eventOf, type ReadDocument } from '../document/json-decoder.ts'
import { compact, isObject, objectAt, present, textAt, timeAt } from '../document/values.ts'
import { endpoint } from '../network/endpoint.ts'

const COLUMNS = 'action actor_id actor_type actor_email object_id object_type change time'.split(
  ' ',
)

const read: ReadDocument = (doc, context) => {
  const actor = objectAt(doc, 'actor')
  const object = objectAt(doc, 'object')
  const verb = textAt(doc, 'action')
  if (actor === undefined || object === undefined || verb === undefined) return undefined
  const kind = textAt(object, 'type') ?? 'unknown'
  const meta = objectAt(doc, 'meta') ?? {}
  const address = textAt(meta, 'ip', 'remote_addr') ?? textAt(actor, 'ip')
  const device = textAt(actor, 'type') === 'device' ? textAt(actor, 'id') : undefined
  return {
    timeMs: timeAt(doc, 'time') ?? context.timeMs,
    action: actionOf(verb),
    doc: compact({
      event: eventOf([kind === 'user' ? 'iam' : 'configuration'], typeOf(verb), 'success', {
        code: `${kind}-${verb}`,
        reason: textAt(doc, 'change') ?? `${verb} ${kind}`,
      }),
      user: present({
        id: device === undefined ? textAt(actor, 'id') : undefined,
        name: textAt(actor, 'email', 'name') ?? textAt(actor, 'id'),
        email: textAt(actor, 'email'),
      }),
      source: address === undefined ? undefined : endpoint({ address }),
      device: present({ id: kind === 'device' ? textAt(object, 'id') : device }),
      observer: { vendor: 'Northern.tech', product: 'Mender' },
      iot: rolloutOf(kind, object, verb),
    }),
  }
}

function rolloutOf(kind: string, object: EcsDoc, verb: string): EcsDoc {
  const inner = objectAt(object, kind) ?? {}
  const id = textAt(object, 'id')
  return compact({
    config: { command: `${kind} ${verb}` },
    firmware:
      kind === 'deployment' || kind === 'artifact'
        ? present({
            campaign: kind === 'deployment' ? id : undefined,
            image: textAt(inner, 'artifact_name', 'name'),
          })
        : undefined,
  })
}

const actionOf = (verb: string): EventAction =>
  /^(?:login|logout|open_terminal|close_terminal|open_portforward|close_portforward|view|read|download_file)$/.test(
    verb,
  )
    ? 'api-call'
    : 'config-change'

function typeOf(verb: string): readonly string[] {
  if (verb === 'create' || verb === 'upload') return ['creation']
  if (verb === 'delete' || verb === 'remove' || verb === 'decommission') return ['deletion']
  return verb === 'login' || verb.startsWith('open') ? ['start'] : ['change']
}

/** Rows of the CSV export; the header names the columns. */
function createDecoder(): Decoder {
  let columns: readonly string[] = COLUMNS
  let saved = true
  return {
    decode(item, out) {
      const { text } = item
      const first = text.trimStart().charCodeAt(0)
      if (first === 123 || first === 91 || Number.isNaN(first)) {
        decodeDocuments(item, out, read, ['logs', 'data'])
        return
      }
      const values = text.length > 1_048_576 ? undefined : splitCsv(text, ',')
      const names = values?.map((value) => value.trim().toLowerCase().replaceAll(/[ .]/g, '_'))
      if (names?.includes('action') === true && names.includes('time')) {
        columns = names.slice(0, 100)
        saved = false
        out.routine('header')
        return
      }
      const fields: Fields = new Map()
      if (values === undefined || !csv(columns, ',')(text, fields) || !fields.has('action')) {
        out.reject('DECODE_SYNTAX', 'Neither JSON nor a row of the export.')
        return
      }
      decodeDocuments({ ...ANEW, ...item, text: JSON.stringify(documentOf(fields)) }, out, read)
    },
    takeChanges() {
      if (saved) return []
      saved = true
      return [{ key: 'columns', value: JSON.stringify(columns) }]
    },
    restore(entries) {
      for (const [key, value] of entries) {
        if (key === 'columns') columns = columnsOf(value) ?? columns
      }
    },
  }
}

function columnsOf(text: string): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    if (!Array.isArray(parsed) || !parsed.every((name) => typeof name === 'string'))
      return undefined
    return parsed as string[]
  } catch {
    return undefined
  }
}

function documentOf(fields: Fields): EcsDoc {
  const doc: EcsDoc = { actor: {}, object: {}, meta: {} }
  for (const [name, value] of fields) {
    const [head = '', ...rest] = name.split('_')
    const group = doc[head]
    if (rest.length > 0 && isObject(group)) group[rest.join('_')] = value
    else if (head !== 'actor' && head !== 'object' && head !== 'meta') doc[name] = value
  }
  return doc
}

export const mender: DecoderSpec = {
  name: 'mender',
  summary: 'Audit log of Mender: JSON of its API, or the CSV export.',
  create: createDecoder,
}
