import type { EcsDoc } from '../../model/event.ts'
import { asTime, compact, isObject, numberAt, objectAt, textAt } from '../document/values.ts'
import type { Envelope } from '../document/payloads.ts'
import { thingOf } from './logs.ts'

const CHANGES_MAX = 500
const DEPTH_MAX = 24

export interface ShadowTopic {
  readonly thing: string
  /** Empty for the classic shadow. */
  readonly name: string
  readonly verb: string
  readonly part: string
}

const TOPIC = new RegExp(
  '^\\$aws/things/([^/+#]+)/shadow(?:/name/([^/+#]+))?' +
    '/(update|get|delete)(?:/(accepted|rejected|delta|documents))?$',
)

export function shadowTopic(topic: string | undefined): ShadowTopic | undefined {
  const found = topic === undefined ? null : TOPIC.exec(topic)
  if (found === null) return undefined
  const [, thing = '', name = '', verb = '', part = ''] = found
  return { thing, name, verb, part }
}

export type ShadowKind = 'documents' | 'accepted' | 'delta'

/** A state that a shadow came to. */
export interface ShadowRecord {
  readonly kind: ShadowKind
  readonly thing: string | undefined
  readonly name: string
  readonly version: number | undefined
  readonly timeMs: number | undefined
  /** `iot.shadow`, without who did it. */
  readonly shadow: EcsDoc
}

/**
 * Reads `update/documents`, `update/accepted` and `update/delta` payloads, by topic or by shape. The
 * payload names no thing: the topic does, or a member that the rule's SQL added (`thingName`, `thing`,
 * `topic`). Source: AWS IoT Core, "Device Shadow service documents".
 */
export function readShadow(doc: EcsDoc, envelope: Envelope): ShadowRecord | undefined {
  const topic = shadowTopic(envelope.topic ?? textAt(doc, 'topic'))
  const kind = kindOf(doc, topic)
  if (kind === undefined) return undefined
  const current = kind === 'documents' ? (objectAt(doc, 'current') ?? {}) : doc
  const previous = kind === 'documents' ? objectAt(doc, 'previous') : undefined
  const after = objectAt(current, 'state') ?? {}
  const before = (previous === undefined ? undefined : objectAt(previous, 'state')) ?? {}
  const changes = kind === 'delta' ? changesOf({}, { desired: after }) : changesOf(before, after)
  const name = topic?.name ?? textAt(doc, 'shadowName') ?? ''
  const version = numberAt(current, 'version') ?? numberAt(doc, 'version')
  const { list, desired, reported, truncated } = changes
  return {
    kind,
    thing:
      topic?.thing ??
      textAt(doc, 'thingName', 'thing', 'thing_name') ??
      thingOf(textAt(doc, 'topic')),
    name,
    version,
    timeMs: asTime(doc['timestamp']) ?? envelope.timeMs,
    shadow: compact({
      name: name === '' ? undefined : name,
      version,
      previous_version: previous === undefined ? undefined : numberAt(previous, 'version'),
      fields: list.map(({ field }) => field),
      changes:
        kind === 'documents' ? list : list.map(({ field, after: to }) => ({ field, after: to })),
      desired,
      reported,
      truncated: truncated ? true : undefined,
      client_token: textAt(doc, 'clientToken'),
      told_by: kind,
    }),
  }
}

function kindOf(doc: EcsDoc, topic: ShadowTopic | undefined): ShadowKind | undefined {
  if (topic !== undefined) {
    if (topic.verb !== 'update') return undefined
    const { part } = topic
    if (part === 'documents' && isObject(doc['current'])) return part
    return (part === 'accepted' || part === 'delta') && isObject(doc['state']) ? part : undefined
  }
  const current = objectAt(doc, 'current')
  if (current !== undefined && isObject(current['state'])) return 'documents'
  const state = objectAt(doc, 'state')
  if (state === undefined || numberAt(doc, 'version') === undefined) return undefined
  if (Object.hasOwn(doc, 'eventType')) return undefined
  return isObject(state['desired']) || isObject(state['reported']) ? 'accepted' : 'delta'
}

export interface Change {
  readonly field: string
  readonly before?: unknown
  readonly after?: unknown
}

export interface Changes {
  readonly list: readonly Change[]
  /** What changed in each section, nested as in the shadow. */
  readonly desired?: EcsDoc | undefined
  readonly reported?: EcsDoc | undefined
  readonly truncated: boolean
}

/**
 * Leaves that differ between two states, as dotted paths that begin with the section (`desired.…`).
 * Lists are compared whole. A leaf that went away has no `after`.
 */
export function changesOf(before: EcsDoc, after: EcsDoc): Changes {
  const walk = { list: [] as Change[], truncated: false }
  const desired = differ('desired', before['desired'], after['desired'], walk, 0)
  const reported = differ('reported', before['reported'], after['reported'], walk, 0)
  const objectOr = (value: unknown): EcsDoc | undefined => (isObject(value) ? value : undefined)
  return { ...walk, desired: objectOr(desired), reported: objectOr(reported) }
}

interface Walk {
  readonly list: Change[]
  truncated: boolean
}

/** What of `after` changed; undefined where nothing did or it went away. */
function differ(path: string, before: unknown, after: unknown, walk: Walk, depth: number): unknown {
  const from = before ?? undefined
  const to = after ?? undefined
  const nested = isObject(from) || isObject(to)
  if (nested && depth < DEPTH_MAX && (from === undefined || isObject(from))) {
    if (to === undefined || isObject(to))
      return differInside(path, from ?? {}, to ?? {}, walk, depth)
  }
  if (from === to || JSON.stringify(from) === JSON.stringify(to)) return undefined
  if (walk.list.length >= CHANGES_MAX) {
    walk.truncated = true
    return undefined
  }
  walk.list.push({
    field: path,
    ...(from === undefined ? {} : { before: from }),
    ...(to === undefined ? {} : { after: to }),
  })
  return to
}

function differInside(
  path: string,
  before: EcsDoc,
  after: EcsDoc,
  walk: Walk,
  depth: number,
): EcsDoc | undefined {
  let changed: EcsDoc | undefined
  const visit = (key: string): void => {
    if (key === '__proto__') return
    const from = Object.hasOwn(before, key) ? before[key] : undefined
    const to = Object.hasOwn(after, key) ? after[key] : undefined
    const found = differ(`${path}.${key}`, from, to, walk, depth + 1)
    if (found !== undefined) (changed ??= {})[key] = found
  }
  for (const key in after) visit(key)
  for (const key in before) if (!Object.hasOwn(after, key)) visit(key)
  return changed
}
