/**
 * An event after normalization: an Elastic Common Schema document (nested objects, version of the
 * `@elastic/ecs` package) with the `iot.*` namespace added, and what the engine needs at hand.
 */
export type EcsDoc = { [field: string]: unknown }

export interface SecurityEvent {
  /** `event.id`: a hash of source and delivery key, the same for every redelivery. */
  readonly id: string
  /** `@timestamp` in milliseconds since the epoch (event time, UTC, after the skew check). */
  readonly time: number
  /** The whole document, `@timestamp` and `event.id` included. Never changed after journalling. */
  readonly doc: EcsDoc
}

/**
 * The closed vocabulary of `event.action`. A decoder that knows better adds a word here (and to
 * docs/reference/fields.md, a test compares them); a catch-all action counts as unclassified.
 */
export const EVENT_ACTIONS = {
  'mqtt-connect': 'A client asked a broker for a connection; event.outcome tells how it ended.',
  'mqtt-disconnect': 'A client ended its connection, or lost it.',
  'mqtt-takeover': 'A second connection took the client id of a live one.',
  'mqtt-publish': 'A client published a message.',
  'mqtt-ping': 'A client said that it is still there.',
  'mqtt-subscribe': 'A client subscribed to topics; event.outcome tells whether it was let.',
  'mqtt-unsubscribe': 'A client gave up a subscription.',
  'mqtt-publish-denied': 'A publish was refused by the access control list.',
  'mqtt-subscribe-denied': 'A subscription was refused by the access control list.',
  'mqtt-timeout': 'A client was silent past its keep-alive and was disconnected.',
  'mqtt-traffic': 'What one client sent and received over an interval: messages, bytes, topics.',
  'mqtt-flood': 'Many connections that never finish their request, or break the protocol.',
  'message-rule': 'The rule engine of a broker matched a message or ran an action on it.',
  'tls-handshake': 'A TLS handshake; event.outcome tells whether it succeeded.',
  'tls-error': 'An established TLS connection failed.',
  'dns-query': 'A name was looked up.',
  'network-flow': 'A connection or flow seen in the network.',
  'network-transaction': 'A request and its reply in an application protocol, seen in the network.',
  'network-session': 'An access server counted the session of a user or device.',
  'http-request': 'A resource was asked for over HTTP.',
  'file-seen': 'A file went through the network.',
  'asset-seen': 'A host, service or software was seen in the network.',
  'ics-command': 'An industrial controller was read, written or answered.',
  'dhcp-lease': 'A device asked for, got or gave back an address.',
  'user-login': 'Somebody logged in, or tried to; event.outcome tells how it ended.',
  'user-logout': 'Somebody logged out, or their connection ended.',
  'user-session': 'PAM or logind told of the session of a user, or of the check before it.',
  'privilege-use': 'Somebody acted, or tried to, with the rights of another user.',
  'firmware-download': 'A firmware image, or a part of one, was fetched.',
  'firmware-report': 'A device reported what firmware it runs.',
  'device-boot': 'A device started.',
  'device-metrics': 'A device, or a service on its behalf, reported metrics.',
  'shadow-update': 'The shadow or twin of a device was changed.',
  'shadow-read': 'The shadow or twin of a device was read.',
  'device-job': 'A job for devices (an update, a remote task) was made, changed or ended.',
  'device-command': 'A command was sent to a device, or its answer came.',
  'certificate-seen': 'A certificate was presented.',
  'config-change': 'The configuration of a device, broker or service was changed.',
  'api-call': 'A call to a control plane.',
  'audit-finding': 'An audit or another security product reported a finding.',
  'service-start': 'A server program started.',
  'service-stop': 'A server program stopped.',
  'service-error': 'A server program reported an error of its own.',
  'service-notice': 'A server program, or the kernel, told of its own work.',
  'scheduled-job': 'A scheduler ran a command.',
  'protocol-error': 'A peer broke the rules of the protocol it spoke.',
  'connection-denied': 'A connection was refused before the client named itself.',
  event: 'Anything else: an unclassified event.',
} as const satisfies Record<string, string>

export type EventAction = keyof typeof EVENT_ACTIONS

/** Value at a dotted path; literal dotted keys (`{"a.b": 1}`) are found too. Undefined if absent. */
export function fieldOf(doc: EcsDoc, path: string): unknown {
  return follow(doc, pathOf(path))
}

/** A path and the ways to take a first step along it. */
interface Path {
  readonly whole: string
  readonly ways: readonly Way[]
}

/** A key, and the path that is left. */
interface Way {
  readonly head: string
  readonly tail: string
  rest: Path | undefined
}

/** Cut once: a key that was just cut out of a text is slow to look up. */
const paths = new Map<string, Path>()
const PATHS_MAX = 10_000

function pathOf(whole: string): Path {
  const known = paths.get(whole)
  if (known !== undefined) return known
  const ways: Way[] = []
  for (let at = whole.indexOf('.'); at > 0; at = whole.indexOf('.', at + 1)) {
    ways.push({ head: whole.slice(0, at), tail: whole.slice(at + 1), rest: undefined })
  }
  const path = { whole, ways }
  if (paths.size >= PATHS_MAX) paths.clear()
  paths.set(whole, path)
  return path
}

function follow(doc: EcsDoc, path: Path): unknown {
  if (Object.hasOwn(doc, path.whole)) return doc[path.whole]
  const { ways } = path
  for (let at = 0; at < ways.length; at++) {
    const way = ways[at]!
    if (!Object.hasOwn(doc, way.head)) continue
    const inner = doc[way.head]
    const rest = (way.rest ??= pathOf(way.tail))
    if (Array.isArray(inner)) return followMany(inner, rest)
    if (inner === null || typeof inner !== 'object') continue
    const found = follow(inner as EcsDoc, rest)
    if (found !== undefined) return found
  }
  return undefined
}

/** Elasticsearch's view of an array of objects: the field holds the values of all of them. */
function followMany(items: readonly unknown[], path: Path): unknown {
  const values: unknown[] = []
  for (const item of items) {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) continue
    const found = follow(item as EcsDoc, path)
    if (Array.isArray(found)) values.push(...found)
    else if (found !== undefined) values.push(found)
  }
  return values.length === 0 ? undefined : values
}
