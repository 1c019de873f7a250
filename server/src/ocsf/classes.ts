import type { EventAction } from '../model/event.ts'
import {
  connectionOf,
  deviceOf,
  endpointOf,
  fileOf,
  METHODS,
  objectOf,
  type OcsfObject,
  requestOf,
  responseOf,
  tlsOf,
  trafficOf,
  userOf,
} from './objects.ts'
import type { Taken } from './taken.ts'

/** A class of OCSF 1.8 filled from an event; `undefined` where the event lacks what it requires. */
export interface Filled {
  readonly activity: number
  readonly fields: OcsfObject
}

export interface OcsfClass {
  readonly uid: number
  readonly category: number
  readonly name: string
  /** Names of activities, by id. */
  readonly activities: Readonly<Record<number, string>>
  readonly fill: (taken: Taken, action: EventAction) => Filled | undefined
}

const failed = (taken: Taken): boolean => taken.peek('event.outcome') === 'failure'

/** Source and destination, whatever ECS calls the two sides. */
function sides(taken: Taken): { src_endpoint?: OcsfObject; dst_endpoint?: OcsfObject } {
  const src_endpoint = endpointOf(taken, 'source', 'client')
  const dst_endpoint = endpointOf(taken, 'destination', 'server')
  if (src_endpoint === undefined && dst_endpoint === undefined) {
    // A broker often logs its client by name alone.
    const uid = taken.text('iot.mqtt.client_id')
    return uid === undefined ? {} : { src_endpoint: { uid } }
  }
  return { ...(src_endpoint && { src_endpoint }), ...(dst_endpoint && { dst_endpoint }) }
}

/** What all classes of category 4 share; they require one of the two endpoints. */
function network(taken: Taken): OcsfObject | undefined {
  const ends = sides(taken)
  if (ends.src_endpoint === undefined && ends.dst_endpoint === undefined) return undefined
  return objectOf({
    ...ends,
    connection_info: connectionOf(taken),
    traffic: trafficOf(taken),
    tls: tlsOf(taken),
    app_protocol_name: taken.text('network.protocol'),
  })
}

/** `service`: what was logged in to; at least its kind is always known. */
function serviceOf(taken: Taken): OcsfObject {
  return { name: taken.text('service.name') ?? taken.text('event.module') ?? 'unknown' }
}

const NETWORK_ACTIVITY: Readonly<Partial<Record<EventAction, readonly [ok: number, not: number]>>> =
  {
    'mqtt-connect': [1, 5],
    'mqtt-disconnect': [2, 2],
    'mqtt-timeout': [2, 2],
    'mqtt-takeover': [3, 3],
    'mqtt-publish-denied': [5, 5],
    'mqtt-subscribe-denied': [5, 5],
    'connection-denied': [5, 5],
    'tls-handshake': [1, 4],
    'tls-error': [4, 4],
    'protocol-error': [4, 4],
  }

export const NETWORK: OcsfClass = {
  uid: 4001,
  category: 4,
  name: 'Network Activity',
  activities: { 1: 'Open', 2: 'Close', 3: 'Reset', 4: 'Fail', 5: 'Refuse', 6: 'Traffic' },
  fill: (taken, action) => {
    const fields = network(taken)
    const [ok, not] = NETWORK_ACTIVITY[action] ?? [6, 6]
    return fields && { activity: failed(taken) ? not : ok, fields }
  },
}

const LOGON: Readonly<Partial<Record<EventAction, number>>> = {
  'mqtt-connect': 1,
  'user-login': 1,
  'user-logout': 2,
  'privilege-use': 7,
}

export const AUTHENTICATION: OcsfClass = {
  uid: 3002,
  category: 3,
  name: 'Authentication',
  activities: { 1: 'Logon', 2: 'Logoff', 7: 'Account Switch', 99: 'Other' },
  fill: (taken, action) => {
    const user = userOf(taken)
    if (user === undefined) return undefined
    const fields = { user, service: serviceOf(taken), ...sides(taken) }
    return { activity: LOGON[action] ?? 99, fields }
  },
}

export const DNS: OcsfClass = {
  uid: 4003,
  category: 4,
  name: 'DNS Activity',
  activities: { 1: 'Query', 2: 'Response', 6: 'Traffic' },
  fill: (taken) => {
    const shared = network(taken)
    if (shared === undefined) return undefined
    const hostname = taken.text('dns.question.name')
    const type = taken.text('dns.question.type')
    const answers = taken.texts('dns.resolved_ip').map((rdata) => ({ rdata }))
    const fields = objectOf({
      ...shared,
      query: hostname === undefined ? undefined : objectOf({ hostname, type }),
      rcode: taken.text('dns.response_code'),
      answers: answers.length === 0 ? undefined : answers,
    })
    const isAnswer = taken.peek('dns.type') === 'answer' || answers.length > 0
    return fields && { activity: isAnswer ? 2 : 1, fields }
  },
}

export const HTTP: OcsfClass = {
  uid: 4002,
  category: 4,
  name: 'HTTP Activity',
  activities: {
    1: 'Connect',
    2: 'Delete',
    3: 'Get',
    4: 'Head',
    5: 'Options',
    6: 'Post',
    7: 'Put',
    8: 'Trace',
    9: 'Patch',
    99: 'Other',
  },
  fill: (taken) => {
    const http_request = requestOf(taken)
    const http_response = responseOf(taken)
    const shared = network(taken)
    if (http_request === undefined && http_response === undefined) return undefined
    if (shared === undefined) return undefined
    const fields = objectOf({ ...shared, http_request, http_response })
    const method = String(http_request?.['http_method'])
    const place = METHODS.findIndex((known) => known === method)
    return fields && { activity: place === -1 ? 99 : place + 1, fields }
  },
}

const LEASE: Readonly<Record<string, number>> = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
  expire: 9,
}

export const DHCP: OcsfClass = {
  uid: 4004,
  category: 4,
  name: 'DHCP Activity',
  activities: {
    1: 'Discover',
    2: 'Offer',
    3: 'Request',
    4: 'Decline',
    5: 'Ack',
    6: 'Nak',
    7: 'Release',
    8: 'Inform',
    9: 'Expire',
    99: 'Other',
  },
  fill: (taken) => {
    const fields = network(taken)
    const kind = String(taken.peek('event.code') ?? taken.peek('event.reason') ?? '').toLowerCase()
    const found = Object.entries(LEASE).find(([word]) => kind.includes(word))
    return fields && { activity: found?.[1] ?? 99, fields }
  },
}

export const FILE_HOSTING: OcsfClass = {
  uid: 6006,
  category: 6,
  name: 'File Hosting Activity',
  activities: { 2: 'Download' },
  fill: (taken) => {
    const file = fileOf(taken)
    const { src_endpoint, dst_endpoint } = sides(taken)
    if (file === undefined || src_endpoint === undefined) return undefined
    const user = userOf(taken)
    const app_name = taken.text('user_agent.original') ?? 'unknown'
    const actor = objectOf({ user, app_name })
    const http_request = requestOf(taken)
    const http_response = responseOf(taken)
    const fields = objectOf({
      file,
      src_endpoint,
      dst_endpoint,
      actor,
      http_request,
      http_response,
    })
    return fields && { activity: 2, fields }
  },
}

/** By the first word of the operation, as control planes name theirs. */
const VERBS: readonly (readonly [RegExp, number])[] = [
  [/^(create|add|register|attach|put|upload|start|run|enable)/i, 1],
  [/^(get|list|describe|read|search|query|head|select|show|view|lookup)/i, 2],
  [/^(update|modify|set|patch|change|replace|write|associate|rotate)/i, 3],
  [/^(delete|remove|deregister|detach|revoke|terminate|disable|cancel|stop)/i, 4],
]

export const API: OcsfClass = {
  uid: 6003,
  category: 6,
  name: 'API Activity',
  activities: { 1: 'Create', 2: 'Read', 3: 'Update', 4: 'Delete', 99: 'Other' },
  fill: (taken, action) => {
    const { src_endpoint, dst_endpoint } = sides(taken)
    const user = userOf(taken)
    if (src_endpoint === undefined || user === undefined) return undefined
    const operation = taken.text('event.code') ?? taken.text('event.reason') ?? action
    const error = taken.text('error.code')
    const name = taken.text('service.name') ?? taken.text('event.module') ?? 'unknown'
    const response = error === undefined ? undefined : { error }
    const api = objectOf({ operation, service: { name }, response })
    const found = VERBS.find(([pattern]) => pattern.test(operation))
    const activity = found?.[1] ?? (action.endsWith('-read') ? 2 : 99)
    return {
      activity,
      fields: { api, src_endpoint, ...(dst_endpoint && { dst_endpoint }), actor: { user } },
    }
  },
}

/** A class of category 5 whose only requirement is the device. */
function discovery(uid: number, name: string): OcsfClass {
  return {
    uid,
    category: 5,
    name,
    activities: { 1: 'Log', 2: 'Collect' },
    fill: (taken) => {
      const device = deviceOf(taken)
      return device && { activity: 1, fields: { device } }
    },
  }
}

export const INVENTORY = discovery(5001, 'Device Inventory Info')
export const CONFIG_CHANGE = discovery(5019, 'Device Config State Change')

export const SOFTWARE: OcsfClass = {
  ...discovery(5020, 'Software Inventory Info'),
  fill: (taken) => {
    const device = deviceOf(taken)
    if (device === undefined) return undefined
    const version = taken.text('iot.firmware.version')
    const image = taken.text('iot.firmware.image')
    const product = version === undefined ? undefined : { name: image ?? 'firmware', version }
    return { activity: 1, fields: { device, ...(product && { product }) } }
  },
}

const SERVICE: Readonly<Partial<Record<EventAction, number>>> = {
  'service-start': 3,
  'service-stop': 4,
}

export const LIFECYCLE: OcsfClass = {
  uid: 6002,
  category: 6,
  name: 'Application Lifecycle',
  activities: { 3: 'Start', 4: 'Stop', 99: 'Other' },
  fill: (taken, action) => {
    const version = taken.text('service.version')
    const app = { ...serviceOf(taken), ...(version !== undefined && { version }) }
    return { activity: SERVICE[action] ?? 99, fields: { app } }
  },
}

export const APP_ERROR: OcsfClass = {
  uid: 6008,
  category: 6,
  name: 'Application Error',
  activities: { 1: 'General Error' },
  fill: () => ({ activity: 1, fields: {} }),
}

export const FINDING: OcsfClass = {
  uid: 2004,
  category: 2,
  name: 'Detection Finding',
  activities: { 1: 'Create' },
  fill: (taken) => {
    const uid = taken.text('event.id')
    if (uid === undefined) return undefined
    const title = taken.text('rule.name') ?? taken.text('rule.description') ?? taken.text('message')
    const finding = objectOf({ uid, title, desc: taken.text('rule.description') })
    return { activity: 1, fields: { finding_info: finding } }
  },
}

/** What no class of OCSF 1.8 is made for. */
export const BASE: OcsfClass = {
  uid: 0,
  category: 0,
  name: 'Base Event',
  activities: { 99: 'Other' },
  fill: () => ({ activity: 99, fields: {} }),
}

/** The classes that fit an action, the best first; what none of them can hold is a base event. */
export const CLASSES_OF: Readonly<Record<EventAction, readonly OcsfClass[]>> = {
  'mqtt-connect': [AUTHENTICATION, NETWORK],
  'mqtt-disconnect': [NETWORK],
  'mqtt-takeover': [NETWORK],
  'mqtt-publish': [NETWORK],
  'mqtt-ping': [NETWORK],
  'mqtt-subscribe': [NETWORK],
  'mqtt-unsubscribe': [NETWORK],
  'mqtt-publish-denied': [NETWORK],
  'mqtt-subscribe-denied': [NETWORK],
  'mqtt-timeout': [NETWORK],
  'mqtt-traffic': [NETWORK],
  'mqtt-flood': [NETWORK],
  'message-rule': [],
  'tls-handshake': [NETWORK],
  'tls-error': [NETWORK],
  'dns-query': [DNS],
  'network-flow': [NETWORK],
  'network-transaction': [NETWORK],
  'network-session': [AUTHENTICATION, NETWORK],
  'http-request': [HTTP],
  'file-seen': [NETWORK],
  'asset-seen': [INVENTORY, NETWORK],
  'ics-command': [NETWORK],
  'dhcp-lease': [DHCP],
  'user-login': [AUTHENTICATION],
  'user-logout': [AUTHENTICATION],
  'user-session': [AUTHENTICATION],
  'privilege-use': [AUTHENTICATION],
  'firmware-download': [FILE_HOSTING, HTTP],
  'firmware-report': [SOFTWARE],
  'device-boot': [INVENTORY],
  'device-metrics': [INVENTORY],
  'shadow-update': [CONFIG_CHANGE, API],
  'shadow-read': [API, INVENTORY],
  'device-job': [API, CONFIG_CHANGE],
  'device-command': [API, CONFIG_CHANGE],
  'certificate-seen': [NETWORK],
  'config-change': [API, CONFIG_CHANGE],
  'api-call': [API],
  'audit-finding': [FINDING],
  'service-start': [LIFECYCLE],
  'service-stop': [LIFECYCLE],
  'service-error': [APP_ERROR],
  'service-notice': [LIFECYCLE],
  'scheduled-job': [LIFECYCLE],
  'protocol-error': [NETWORK, APP_ERROR],
  'connection-denied': [NETWORK],
  event: [],
}
