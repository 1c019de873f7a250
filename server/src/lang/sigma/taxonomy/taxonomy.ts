import type { Condition } from '../../../model/condition.ts'
import { ALWAYS, allOf, anyOf, fieldTest } from '../../conditions.ts'
import type { Logsource } from '../documents.ts'
import {
  CATEGORY_FIELDS,
  CLOUDTRAIL_FIELDS,
  HOST_FIELDS,
  MQTT_FIELDS,
  NETWORK_FIELDS,
  WEB_FIELDS,
  WINDOWS_FIELDS,
  type FieldTable,
} from './fields.ts'
import { WINDOWS_CATEGORIES, WINDOWS_CHANNELS } from './windows.ts'

/** What a log source stands for in events of the Elastic Common Schema. */
export interface SourceMapping {
  readonly condition: Condition
  readonly fields: readonly FieldTable[]
  /** Where fields that no table names are found: before them this prefix, unless they are paths. */
  readonly prefix?: string
}

function is(path: string, ...values: (string | number)[]): Condition {
  return anyOf(values.map((value) => fieldTest(path, { kind: 'equals', value, cased: false })))
}

function has(path: string): Condition {
  return fieldTest(path, { kind: 'exists' })
}

/** How events tell the system they are of: older agents name its family only, or the event log. */
const SYSTEMS: Readonly<Record<string, () => Condition>> = {
  windows: () =>
    anyOf([is('host.os.type', 'windows'), is('host.os.family', 'windows'), has('winlog.channel')]),
  linux: () => is('host.os.type', 'linux'),
  macos: () => anyOf([is('host.os.type', 'macos'), is('host.os.family', 'darwin')]),
}

/** Categories that Elastic agents classify alike on every system. */
const HOST_CATEGORIES: Readonly<Record<string, () => Condition>> = {
  process_creation: () => allOf([is('event.category', 'process'), is('event.type', 'start')]),
  process_termination: () => allOf([is('event.category', 'process'), is('event.type', 'end')]),
  network_connection: () => is('event.category', 'network'),
  dns_query: () => has('dns.question.name'),
  file_event: () => allOf([is('event.category', 'file'), is('event.type', 'creation', 'change')]),
  file_access: () => allOf([is('event.category', 'file'), is('event.type', 'access')]),
  file_rename: () => allOf([is('event.category', 'file'), is('event.action', 'rename')]),
  file_delete: () => allOf([is('event.category', 'file'), is('event.type', 'deletion')]),
  registry_event: () => is('event.category', 'registry'),
  registry_add: () => allOf([is('event.category', 'registry'), is('event.type', 'creation')]),
  registry_set: () => allOf([is('event.category', 'registry'), is('event.type', 'change')]),
  registry_delete: () => allOf([is('event.category', 'registry'), is('event.type', 'deletion')]),
  registry_rename: () => allOf([is('event.category', 'registry'), is('event.type', 'change')]),
  image_load: () => is('event.category', 'library'),
  driver_load: () => is('event.category', 'driver'),
}

function hostMapping({ category, product = '', service }: Logsource): SourceMapping | undefined {
  const system = SYSTEMS[product]
  if (system === undefined) return product === '' ? anySystem(category, service) : undefined
  const parts = [system()]
  if (category !== undefined) {
    const kinds = [HOST_CATEGORIES[category]?.(), windowsCategory(product, category)]
    const known = kinds.filter((kind) => kind !== undefined)
    if (known.length === 0) return undefined
    parts.push(anyOf(known))
  }
  if (service !== undefined) {
    const channels = WINDOWS_CHANNELS[service]
    if (product === 'windows' && channels === undefined) return undefined
    parts.push(
      channels !== undefined && product === 'windows'
        ? is('winlog.channel', ...channels)
        : unixService(service),
    )
  }
  const own = product === 'windows' ? WINDOWS_FIELDS : {}
  const fields = [CATEGORY_FIELDS[category ?? ''] ?? {}, HOST_FIELDS, own]
  const prefix = product === 'windows' ? EVENT_DATA : undefined
  return { condition: allOf(parts), fields, ...(prefix === undefined ? {} : { prefix }) }
}

/** A category that names no product: of any system whose agents classify alike. */
function anySystem(
  category: string | undefined,
  service: string | undefined,
): SourceMapping | undefined {
  const kind = HOST_CATEGORIES[category ?? '']
  if (category === undefined || kind === undefined || service !== undefined) return undefined
  const windows = windowsCategory('windows', category)
  const condition = windows === undefined ? kind() : anyOf([kind(), windows])
  const fields = [CATEGORY_FIELDS[category] ?? {}, HOST_FIELDS, WINDOWS_FIELDS]
  return { condition, fields, prefix: EVENT_DATA }
}

function windowsCategory(product: string, category: string): Condition | undefined {
  const known = WINDOWS_CATEGORIES[category]
  if (known === undefined || product !== 'windows') return undefined
  const channels = WINDOWS_CHANNELS[known.service] ?? []
  return allOf([is('winlog.channel', ...channels), is('event.code', ...known.codes)])
}

function unixService(service: string): Condition {
  return anyOf([
    is('process.name', service),
    is('event.module', service),
    is('event.dataset', service, `${service}.log`, `system.${service}`),
  ])
}

/** Log sources that are no host's: by category, whatever the product. */
function categoryMapping({ category, product, service }: Logsource): SourceMapping | undefined {
  const module = product === undefined ? ALWAYS : is('event.module', product)
  const withModule = (condition: Condition) => allOf([module, condition])
  switch (category) {
    case 'webserver':
    case 'proxy':
      return { condition: withModule(is('event.category', 'web')), fields: [WEB_FIELDS] }
    case 'firewall':
      return { condition: withModule(is('event.category', 'network')), fields: [NETWORK_FIELDS] }
    case 'dns':
      return { condition: withModule(has('dns.question.name')), fields: [NETWORK_FIELDS] }
    case 'network': {
      if (service === 'dns') return { condition: withModule(has('dns.question.name')), fields: [] }
      return { condition: withModule(is('event.category', 'network')), fields: [NETWORK_FIELDS] }
    }
    case 'mqtt':
      return { condition: withModule(mqtt()), fields: [MQTT_FIELDS] }
    case undefined:
    default:
      return undefined
  }
}

function mqtt(): Condition {
  const action: Condition = fieldTest('event.action', {
    kind: 'prefix',
    value: 'mqtt-',
    cased: false,
  })
  return anyOf([is('network.protocol', 'mqtt'), action])
}

/** Products whose events Picket decodes or takes as ECS, by `event.module`. */
const MODULE_FIELDS: Readonly<Record<string, FieldTable>> = {
  mosquitto: MQTT_FIELDS,
  emqx: MQTT_FIELDS,
  hivemq: MQTT_FIELDS,
  vernemq: MQTT_FIELDS,
  suricata: NETWORK_FIELDS,
  zeek: NETWORK_FIELDS,
  dnsmasq: NETWORK_FIELDS,
  nginx: WEB_FIELDS,
  apache: WEB_FIELDS,
  aws: CLOUDTRAIL_FIELDS,
}

function moduleMapping(source: Logsource): SourceMapping | undefined {
  const { category, product, service } = source
  // `product: picket` is everything that Picket stores, narrowed by module and ECS category.
  if (product === 'picket') {
    const parts = [
      service === undefined ? ALWAYS : is('event.module', service),
      category === undefined ? ALWAYS : is('event.category', category),
    ]
    return { condition: allOf(parts), fields: [MODULE_FIELDS[service ?? ''] ?? {}] }
  }
  const name = product ?? service
  const fields = MODULE_FIELDS[name ?? '']
  if (name === undefined || fields === undefined || category !== undefined) return undefined
  const parts = [is('event.module', name)]
  if (product !== undefined && service !== undefined) {
    parts.push(is('event.dataset', service, `${product}.${service}`))
  }
  const prefix =
    product === 'zeek' || product === 'aws' ? unnamedPrefix(product, service) : undefined
  return { condition: allOf(parts), fields: [fields], ...(prefix === undefined ? {} : { prefix }) }
}

function unnamedPrefix(product: string, service: string | undefined): string | undefined {
  return service === undefined ? undefined : `${product}.${service}.`
}

/** The mapping of a log source; undefined where nothing that Picket reads corresponds to it. */
export function mapLogsource(source: Logsource): SourceMapping | undefined {
  const lower: Logsource = Object.fromEntries(
    Object.entries(source).map(([key, value]) => [key, String(value).toLowerCase()]),
  )
  return hostMapping(lower) ?? categoryMapping(lower) ?? moduleMapping(lower)
}

/** Whether its events are those of Sysmon and its like. */
export function isOfHost(mapping: SourceMapping): boolean {
  return mapping.fields.includes(HOST_FIELDS)
}

const EVENT_DATA = 'winlog.event_data.'
/** Of the head of an event, not of its data. */
const NO_EVENT_DATA = new Set(['EventID', 'Provider_Name', 'Channel', 'Computer', 'ComputerName'])

/** Where the head of an event stands in the JSON that `evtx_dump` and its like make of event logs. */
const EXPORTED_HEAD: Readonly<Record<string, string>> = {
  EventID: 'EventID',
  Channel: 'Channel',
  Computer: 'Computer',
  ComputerName: 'Computer',
  Provider_Name: 'Provider.#attributes.Name',
}

/** Where a field stands in event logs of Windows that were exported as JSON; nowhere of other sources. */
export function exportedPaths(mapping: SourceMapping, field: string): readonly string[] {
  if (mapping.prefix !== EVENT_DATA) return []
  const head = EXPORTED_HEAD[field]
  return head === undefined ? [`Event.EventData.${field}`] : [`Event.System.${head}`]
}

/** First words of the paths of the schema: a field that begins with one is a path already. */
const ROOTS = new Set(
  (
    '@timestamp agent as client cloud code_signature container data_stream destination device dll ' +
    'dns ecs email error event faas file geo group hash host http interface iot labels log ' +
    'message network observer orchestrator organization os package pe process registry related ' +
    'risk rule server service source span tags tenant threat tls trace transaction url user ' +
    'user_agent vlan volume vulnerability winlog x509 zeek suricata aws azure gcp okta ' +
    'powershell sysmon'
  ).split(' '),
)

/** The paths that a field of a rule on this log source stands for. */
export function pathsIn(mapping: SourceMapping, field: string): readonly string[] {
  for (const table of mapping.fields) {
    const found = Object.hasOwn(table, field) ? table[field] : undefined
    if (found === undefined) continue
    const paths = typeof found === 'string' ? [found] : found
    // Shippers whose events no Elastic pipeline has seen leave the fields of Windows where they were.
    const raw = mapping.prefix === EVENT_DATA && !NO_EVENT_DATA.has(field)
    return raw ? [...new Set([...paths, EVENT_DATA + field])] : paths
  }
  const root = field.split('.', 1)[0] ?? ''
  const isPath = field.includes('.')
    ? ROOTS.has(root)
    : root === '@timestamp' || root === 'message' || root === 'tags'
  // Plain JSON keeps the names of the source's own fields; Elastic agents put them under a prefix.
  return isPath || mapping.prefix === undefined ? [field] : [mapping.prefix + field, field]
}
