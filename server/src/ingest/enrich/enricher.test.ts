import { expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import { decoders } from '../../decode/registry.ts'
import { assetSchema } from '../../model/asset.ts'
import { fieldOf } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { builtinFilter } from '../filter/filter.ts'
import { createPreparer } from '../prepare.ts'
import { Enricher } from './enricher.ts'

const NOW = Date.UTC(2026, 10, 22)
const AT = NOW / 1_000
const item = (text: string, key = text): RawItem => ({ text, key, receivedMs: NOW })
const preparerOf = (decoder: string, source: string, enricher: Enricher) =>
  createPreparer({
    ...{ source, tenant: 'default', decoderSpec: decoders[decoder]!, enricher },
    filter: { current: builtinFilter() },
  })
const PUMP = assetSchema.parse({
  ...{ id: 'pump-7', site: 'oslo', type: 'pump' },
  identifiers: { client_id: ['c7'], mac: ['00:0c:29:aa:bb:cc'] },
})

test('events and rollups bear the asset, and joins are counted', () => {
  const metrics = new MetricsRegistry()
  const enricher = new Enricher(metrics)
  enricher.assets.put(PUMP)
  const broker = preparerOf('mosquitto', 'broker', enricher)
  const { batch } = broker.prepare(
    {
      items: [
        item(`${AT}: New client connected from 10.0.0.1:1 as c7 (p2, c1, k60).`),
        item(`${AT}: Received PUBLISH from c7 (d0, q0, r0, m0, 't', ... (5 bytes))`),
      ],
    },
    NOW,
  )
  const doc = batch.events![0]!.doc
  expect(fieldOf(doc, 'device.id')).toBe('pump-7')
  expect(fieldOf(doc, 'iot.identity.rule')).toBe('client_id')
  expect(batch.rollups).toMatchObject([
    { device: 'pump-7', clientId: 'c7', site: 'oslo', deviceType: 'pump', bytes: 5 },
  ])
  expect(metrics.render()).toContain('picket_identity_events_total{rule="client_id"} 2')
})

test('a lease of one source tells of the events of another, also after a restart', () => {
  const first = new Enricher()
  first.assets.put(PUMP)
  const dhcp = preparerOf('dnsmasq', 'dhcp', first)
  const ack = item(
    `${AT} 00:0c:29:aa:bb:cc 10.0.5.8 pump *`.replace(String(AT), String(AT + 3_600)),
  )
  const { commit } = dhcp.prepare({ items: [ack] }, NOW)
  const saved = commit.decoderState!.changes.map(({ key, value }) => [key, value!] as const)
  expect(saved.map(([key]) => key)).toContain('@lease:10.0.5.8')
  const refused = item(
    `${AT + 1}: New client connected from 10.0.5.8:77 as unknown-id (p2, c1, k60).`,
  )
  const again = new Enricher()
  again.assets.put(PUMP)
  preparerOf('dnsmasq', 'dhcp', again).restore(saved)
  for (const enricher of [first, again]) {
    const { batch } = preparerOf('mosquitto', 'broker', enricher).prepare({ items: [refused] }, NOW)
    expect(fieldOf(batch.events![0]!.doc, 'device.id')).toBe('pump-7')
    expect(fieldOf(batch.events![0]!.doc, 'iot.identity.rule')).toBe('lease')
  }
})

test('an empty table changes nothing', () => {
  const line = item(`${AT}: New client connected from 10.0.0.1:1 as c7 (p2, c1, k60).`)
  const spec = { source: 'b', tenant: 'default', decoderSpec: decoders['mosquitto']! }
  const plain = createPreparer(spec).prepare({ items: [line] }, NOW)
  const joined = createPreparer({ ...spec, enricher: new Enricher() }).prepare(
    { items: [line] },
    NOW,
  )
  expect(joined).toEqual(plain)
})
