import { expect, test } from 'vitest'
import { json } from '../../decode/json/json.ts'
import { mosquitto } from '../../decode/mosquitto/mosquitto.ts'
import { suricata } from '../../decode/suricata/suricata.ts'
import type { RawItem } from '../../model/source.ts'
import { createPreparer } from '../prepare.ts'
import { createRoutedPreparer } from '../routed.ts'
import { unwrapping } from './shipped.ts'

const LINE = '1700000000: Client cam-7 disconnected, not authorised.'
const NOW = 1_700_000_100_000

const filebeat = (message: string): object => ({
  '@timestamp': '2023-11-14T22:13:30.250Z',
  '@metadata': { beat: 'filebeat', type: '_doc', version: '7.17.29' },
  log: { offset: 5210, file: { path: '/var/log/mosquitto/mosquitto.log' } },
  message,
  input: { type: 'log' },
  fields: { site: 'plant-2' },
  tags: ['edge', 'mqtt'],
  ecs: { version: '1.12.0' },
  host: { name: 'gw-3', os: { family: 'debian' } },
  agent: {
    ephemeral_id: '9f7c',
    id: '2a2a',
    name: 'gw-3',
    type: 'filebeat',
    version: '7.17.29',
    hostname: 'gw-3',
  },
})

const itemOf = (doc: unknown, more: Partial<RawItem> = {}): RawItem => ({
  text: typeof doc === 'string' ? doc : JSON.stringify(doc),
  key: 'k',
  receivedMs: NOW,
  ...more,
})

const auto = unwrapping('auto') as (item: RawItem) => RawItem

test.each([
  ['Beats', filebeat(LINE), 'gw-3', '/var/log/mosquitto/mosquitto.log'],
  [
    'Logstash',
    { '@version': '1', '@timestamp': '2023-11-14T22:13:30.250Z', message: LINE, host: 'gw-3' },
    'gw-3',
    undefined,
  ],
  [
    'Logstash with ECS names',
    {
      '@version': '1',
      '@timestamp': '2023-11-14T22:13:30.250Z',
      event: { original: LINE },
      message: 'what a filter left of it',
      host: { name: 'gw-3' },
      log: { file: { path: '/l' } },
    },
    'gw-3',
    '/l',
  ],
  [
    'Vector',
    {
      file: '/l',
      host: 'gw-3',
      message: LINE,
      source_type: 'file',
      timestamp: '2023-11-14T22:13:30.250Z',
    },
    'gw-3',
    '/l',
  ],
  ['Fluent Bit', { '@timestamp': '2023-11-14T22:13:30.250Z', log: LINE }, undefined, undefined],
  [
    'Fluent Bit in a container',
    { date: 1.5, log: `${LINE}\n`, stream: 'stdout', kubernetes: { pod_name: 'm-0' } },
    undefined,
    undefined,
  ],
  ["Docker's log driver", { line: LINE, source: 'stdout', tag: '3f2a' }, undefined, undefined],
])('%s: the line, its host and its file', (_name, doc, host, path) => {
  const { text, facts = {} } = auto(itemOf(doc))
  expect(text).toBe(LINE)
  expect(facts['host']).toBe(host)
  expect(facts['path']).toBe(path)
  if ('@timestamp' in doc || 'timestamp' in doc) expect(facts['time']).toBe('1700000010250')
})

test.each([
  ['no document', LINE],
  [
    'a line of an access log of its own',
    { '@timestamp': 'x', message: 'GET / HTTP/1.1', status: 200 },
  ],
  ['an alert with an agent that is no shipper', { agent: { id: '001' }, message: 'x' }],
  ['more beside `log` than Fluent Bit puts there', { log: 'x', level: 'info' }],
  ['`log` alone', { log: 'x' }],
  ['no text in `message`', { ...filebeat(''), message: { a: 1 } }],
  ['an empty line', filebeat('')],
  ['broken JSON', `{"ephemeral_id":"","message":"${LINE}"`],
])('%s stays as it is', (_name, doc) => {
  const item = itemOf(doc)
  expect(auto(item)).toBe(item)
})

test("the text of OpenTelemetry's log records, with what their resource says", () => {
  const record = {
    'host.name': 'gw-3',
    'device.id': 'gw-3',
    'log.file.path': '/l',
    'otel.scope.name': 's',
    '@timestamp': '2023-11-14T22:13:30.250Z',
    message: LINE,
    'trace.id': 'abc',
  }
  expect(auto(itemOf(record, { facts: { transport: 'otlp' } }))).toMatchObject({
    text: LINE,
    facts: {
      host: 'gw-3',
      path: '/l',
      'ecs.device.id': 'gw-3',
      'ecs.trace.id': 'abc',
      'field.otel.scope.name': 's',
    },
  })
})

test('a field of one own name; never', () => {
  const at = unwrapping('payload.raw')
  expect(at?.(itemOf({ payload: { raw: LINE }, gateway: 'g' }))).toMatchObject({
    text: LINE,
    facts: { 'field.gateway': 'g' },
  })
  expect(at?.(itemOf({ 'payload.raw': LINE })).text).toBe(LINE)
  expect(unwrapping('never')).toBeUndefined()
})

test('a document of thousands of fields leaves a bounded number of facts', () => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`f${at}`, at]))
  let deep: object = { end: 1 }
  for (let at = 0; at < 2_000; at++) deep = { deep }
  const { facts = {} } = auto(itemOf({ ...filebeat(LINE), ...many, deep }))
  expect(Object.keys(facts).length).toBeLessThanOrEqual(104)
  expect(Number(facts['field.fields_left_out'])).toBeGreaterThan(4_900)
})

test('a token of some sites and types holds for what a shipper says beside the line', () => {
  const scope = { sites: ['plant-1'], deviceTypes: ['pump'] }
  const told = (type: string): unknown[] => {
    const preparer = createPreparer({ source: 's', decoderSpec: mosquitto, tenant: 't' })
    const doc = { ...filebeat(LINE), device: { type } }
    const item = itemOf(doc, { facts: { transport: 'elastic' } })
    const { batch } = preparer.prepare({ items: [item], scope }, NOW)
    const letters = (batch.deadLetters ?? []).map(({ code }) => code)
    return [letters, (batch.events ?? []).map((event) => event.doc['device'])]
  }
  expect(told('meter')).toEqual([['DECODE_FIELD'], []])
  expect(told('pump')).toEqual([[], [{ type: 'pump' }]])
})

test('the decoder reads the line; what the shipper says stands in ECS fields and labels', () => {
  const preparer = createPreparer({ source: 's', decoderSpec: mosquitto, tenant: 't' })
  const item = itemOf(filebeat(LINE), { facts: { transport: 'elastic', index: 'filebeat' } })
  const made = preparer.prepare({ items: [item] }, NOW)
  const [event] = [...(made.batch.events ?? []), ...(preparer.settle(NOW)?.batch.events ?? [])]
  expect(made.batch.deadLetters ?? []).toEqual([])
  expect(event?.doc).toMatchObject({
    '@timestamp': '2023-11-14T22:13:20.000Z',
    event: { module: 'mosquitto', outcome: 'failure', original: LINE },
    iot: { mqtt: { client_id: 'cam-7' } },
    host: { name: 'gw-3' },
    agent: { type: 'filebeat', version: '7.17.29', ephemeral_id: '9f7c' },
    log: { file: { path: '/var/log/mosquitto/mosquitto.log' } },
    labels: { fields_site: 'plant-2', tags: 'edge,mqtt', log_offset: '5210', index: 'filebeat' },
  })
})

test('a rejected line is a dead letter of its own text, with the facts that its replay needs', () => {
  const preparer = createPreparer({ source: 's', decoderSpec: suricata, tenant: 't' })
  const { batch } = preparer.prepare({ items: [itemOf(filebeat('{"broken'))] }, NOW)
  expect(batch.deadLetters).toMatchObject([{ raw: '{"broken', facts: { host: 'gw-3' } }])
})

test('the file that a shipper names chooses the decoder; the decoder of any JSON gets all of it', () => {
  const preparer = createRoutedPreparer({
    source: 's',
    decoderSpec: json,
    tenant: 't',
    plainSpec: json,
    routes: [{ when: { path: '/var/log/mosquitto/*' }, decoderSpec: mosquitto }],
  })
  const other = { ...filebeat('{"a":1}'), log: { file: { path: '/x' } } }
  const items = [itemOf(filebeat(LINE), { key: 'a' }), itemOf(other, { key: 'b' })]
  const { batch } = preparer.prepare({ items }, NOW)
  const settled = preparer.settle(NOW)?.batch.events ?? []
  const modules = [...(batch.events ?? []), ...settled].map(({ doc }) => doc['event'])
  expect(
    modules
      .map((event) => String(Reflect.get(event as object, 'module')))
      .toSorted((a, b) => a.localeCompare(b)),
  ).toEqual(['json', 'mosquitto'])
  const whole = (batch.events ?? []).find((event) => event.doc['message'] === '{"a":1}')
  expect(whole?.doc['agent']).toMatchObject({ type: 'filebeat' })
})

test('lists nested without end are left out, and counted as such', () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  const doc = JSON.stringify({ ...filebeat(LINE), labels: '@' }).replace('"@"', deep)
  const { text, facts } = auto(itemOf(doc))
  expect(text).toBe(LINE)
  expect(facts).toMatchObject({ host: 'gw-3', 'field.fields_left_out': '1' })
})

test('a document that was cut is left as it is; long names are cut', () => {
  const doc = JSON.stringify(filebeat(LINE))
  const cut = itemOf(doc, { cut: { bytes: 9_000_000 } })
  expect(auto(cut)).toBe(cut)
  const { facts } = auto(itemOf({ ...filebeat(LINE), host: { name: 'h'.repeat(9_000) } }))
  expect(facts?.['host']).toHaveLength(4_096)
})
