import { expect, test } from 'vitest'
import type { Rollup } from '../model/journal.ts'
import { rollupDoc } from './rollup-doc.ts'

const FOLDED: Rollup = {
  device: 'd-1',
  fromMs: 0,
  toMs: 60_000,
  messages: 2,
  bytes: 9,
  lastSeenMs: 1_000,
}
const EVENT = { '@timestamp': '1970-01-01T00:00:01.000Z', event: { kind: 'metric' } }

test.each<[string, Partial<Rollup>, object]>([
  ['a device', {}, { device: { id: 'd-1' } }],
  ['a device of a type', { deviceType: 'pump' }, { device: { id: 'd-1', type: 'pump' } }],
  ['nobody', { device: '' }, {}],
  ['a host', { deviceField: 'host.name', deviceType: 'pump' }, { host: { name: 'd-1' } }],
  ['an address', { deviceField: 'source.ip' }, { source: { ip: 'd-1' } }],
  ['another field', { deviceField: 'user.name' }, {}],
  [
    'a client at a site',
    { device: '', clientId: 'c', site: 'oslo' },
    { iot: { mqtt: { client_id: 'c' }, site: 'oslo' } },
  ],
])('a rollup of %s', (_name, more, doc) => {
  expect(rollupDoc({ ...FOLDED, ...more })).toEqual({ ...EVENT, ...doc })
})

test('what its messages had in common', () => {
  const { event } = rollupDoc({ ...FOLDED, action: 'mqtt-ping', dataset: 'emqx.log' })
  const dataset = { dataset: 'emqx.log', module: 'emqx' }
  expect(event).toEqual({ kind: 'metric', action: 'mqtt-ping', ...dataset })
})
