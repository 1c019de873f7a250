import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Asset, assetSchema, IDENTIFIER_KINDS } from '../model/asset.ts'
import type { EcsDoc } from '../model/event.ts'
import { AssetIndex } from './asset-index.ts'
import { joinAsset } from './enrich.ts'
import { LeaseTable } from './leases.ts'
import { parseCsv, readAssets } from './read-assets.ts'
import { resolve, type Resolution } from './resolve.ts'

const AT = Date.UTC(2026, 10, 22)
const HOUR = 3_600_000
const asset = (given: object): Asset => assetSchema.parse(given)

const PUMP = asset({
  ...{ id: 'pump-7', name: 'Pump 7', type: 'pump', model: 'P200', manufacturer: 'Acme' },
  ...{ class: 'pumps', site: 'oslo', owner: 'plant-team', criticality: 'high', zone: 'OT-2' },
  identifiers: {
    ...{ device: ['thing-7'], serial: ['SN-7'], client_id: ['c7'], mac: ['00:0C:29:AA:BB:CC'] },
    certificate: ['AB:CD:01', `${'0a'.repeat(32)}`, 'pump7.fleet.example'],
  },
})
const CAMERA = asset({
  id: 'cam-1',
  identifiers: { client_id: ['cam', 'shared'], mac: ['1'.repeat(12)] },
})
const OTHER = asset({ id: 'cam-2', identifiers: { client_id: ['shared'], ip: ['10.9.9.9'] } })

function tables(...assets: Asset[]) {
  const index = new AssetIndex()
  for (const one of assets) index.put(one)
  return { assets: index, leases: new LeaseTable(), precedence: IDENTIFIER_KINDS }
}

const found = (doc: EcsDoc): Resolution | undefined => resolve(doc, AT, tables(PUMP, CAMERA, OTHER))

describe('one device under its names', () => {
  test.each<[string, EcsDoc]>([
    ['device', { device: { id: 'thing-7' } }],
    ['device', { device: { id: 'pump-7' } }],
    ['serial', { device: { serial_number: 'SN-7' } }],
    ['client_id', { iot: { mqtt: { client_id: 'c7' } } }],
    ['certificate', { iot: { credential: { id: '0A'.repeat(32) } } }],
    ['certificate', { tls: { client: { x509: { serial_number: '00abcd01' } } } }],
    [
      'certificate',
      { tls: { client: { x509: { subject: { common_name: ['PUMP7.fleet.example'] } } } } },
    ],
    ['mac', { source: { mac: '00-0C-29-AA-BB-CC', ip: '10.0.0.9' } }],
  ])('by %s', (rule, doc) => {
    expect(found(doc)).toEqual({ state: 'resolved', id: 'pump-7', rule })
  })

  test('an address of its own, and nothing where nothing is known', () => {
    expect(found({ source: { ip: '10.9.9.9' } })).toMatchObject({ id: 'cam-2', rule: 'ip' })
    expect(
      found({ source: { ip: '10.9.9.8' }, iot: { mqtt: { client_id: 'new' } } }),
    ).toBeUndefined()
  })

  test('what fits several is ambiguous, unless something else settles it', () => {
    const shared = { iot: { mqtt: { client_id: 'shared' } } }
    expect(found(shared)).toEqual({
      ...{ state: 'ambiguous', candidates: ['cam-1', 'cam-2'], rules: ['client_id'] },
    })
    expect(found({ ...shared, source: { mac: '11:11:11:11:11:11' } })).toEqual({
      ...{ state: 'resolved', id: 'cam-1', rule: 'mac' },
    })
    // An address that fits none of them settles nothing.
    expect(found({ ...shared, source: { mac: '00-0C-29-AA-BB-CC' } })).toMatchObject({
      state: 'ambiguous',
    })
  })

  test('two names of different devices are a conflict; the address of a gateway is none', () => {
    const two = { device: { id: 'thing-7' }, iot: { mqtt: { client_id: 'cam' } } }
    expect(found(two)).toEqual({
      ...{ state: 'conflict', candidates: ['cam-1', 'pump-7'], rules: ['device', 'client_id'] },
    })
    const behind = { iot: { mqtt: { client_id: 'c7' } }, source: { ip: '10.9.9.9' } }
    expect(found(behind)).toMatchObject({ state: 'resolved', id: 'pump-7' })
  })

  test('the order that is configured decides what is looked at', () => {
    const options = { ...tables(PUMP, CAMERA), precedence: ['mac'] as const }
    const doc = { iot: { mqtt: { client_id: 'c7' } }, source: { mac: '1'.repeat(12) } }
    expect(resolve(doc, AT, options)).toMatchObject({ id: 'cam-1', rule: 'mac' })
  })

  test('an asset that goes or changes is not found by what it was known by', () => {
    const { assets } = tables(PUMP, CAMERA)
    assets.put({ ...PUMP, identifiers: { client_id: ['c8'] } })
    expect([assets.named('client_id', 'c7'), assets.named('client_id', 'c8')]).toEqual([
      [],
      ['pump-7'],
    ])
    assets.remove('pump-7')
    expect([assets.named('client_id', 'c8'), assets.named('device', 'pump-7')]).toEqual([[], []])
    expect(assets.size).toBe(1)
  })

  test('names that several list are told', () => {
    expect([...tables(PUMP, CAMERA, OTHER).assets.shared()]).toEqual([
      { kind: 'client_id', value: 'shared', ids: ['cam-1', 'cam-2'] },
    ])
  })
})

describe('the event', () => {
  test('gets what the table knows, and by which rule', () => {
    const device = Object.freeze({ id: 'thing-7' })
    const iot = Object.freeze({ mqtt: { client_id: 'c7' } })
    const doc: EcsDoc = { device, iot }
    joinAsset(doc, AT, tables(PUMP))
    expect(doc).toEqual({
      device: { id: 'pump-7', type: 'pump', manufacturer: 'Acme', model: { identifier: 'P200' } },
      iot: {
        mqtt: { client_id: 'c7' },
        identity: { state: 'resolved', rule: 'device', claimed: 'thing-7' },
        ...{ device_name: 'Pump 7', device_class: 'pumps', site: 'oslo', zone: 'OT-2' },
        ...{ owner: 'plant-team', criticality: 'high' },
      },
    })
  })

  test('is marked where it cannot be told, and keeps what it said', () => {
    const doc: EcsDoc = { device: { id: 'thing-7' }, iot: { mqtt: { client_id: 'cam' } } }
    joinAsset(doc, AT, tables(PUMP, CAMERA))
    expect(doc).toEqual({
      device: { id: 'thing-7' },
      iot: {
        mqtt: { client_id: 'cam' },
        identity: {
          ...{ state: 'conflict', rule: ['device', 'client_id'], candidates: ['cam-1', 'pump-7'] },
        },
      },
    })
  })
})

describe('leases', () => {
  const lease = (ip: string, mac: string, more: object = {}): EcsDoc => ({
    event: { action: 'dhcp-lease', code: 'ack', ...more },
    client: { ip, mac },
  })
  const end = (ms: number): { end: string } => ({ end: new Date(ms).toISOString() })

  test('an address is its holder’s at the time of the event', () => {
    const leases = new LeaseTable()
    leases.learn(lease('10.0.5.8', '00-0C-29-AA-BB-CC', end(AT + HOUR)), AT)
    leases.learn(lease('10.0.5.8', '11:11:11:11:11:11', end(AT + 3 * HOUR)), AT + 2 * HOUR)
    expect(leases.holder('10.0.5.8', AT - 1)).toBeUndefined()
    expect(leases.holder('10.0.5.8', AT + HOUR - 1)).toBe('000c29aabbcc')
    expect(leases.holder('10.0.5.8', AT + HOUR)).toBeUndefined()
    expect(leases.holder('10.0.5.8', AT + 2 * HOUR)).toBe('111111111111')
  })

  test('a renewal prolongs, a release ends, another holder ends it too', () => {
    const leases = new LeaseTable()
    leases.learn(lease('i', 'aa', end(AT + HOUR)), AT)
    leases.learn(lease('i', 'aa', end(AT + 2 * HOUR)), AT + HOUR)
    expect(leases.holder('i', AT + 1.5 * HOUR)).toBe('aa')
    leases.learn(lease('i', 'aa', { code: 'release' }), AT + 1.6 * HOUR)
    expect(leases.holder('i', AT + 1.7 * HOUR)).toBeUndefined()
    leases.learn(lease('j', 'aa', end(AT + 9 * HOUR)), AT)
    leases.learn(lease('j', 'bb', end(AT + 9 * HOUR)), AT + HOUR)
    expect([leases.holder('j', AT), leases.holder('j', AT + HOUR)]).toEqual(['aa', 'bb'])
  })

  test('offers, requests and refusals give nothing', () => {
    const leases = new LeaseTable()
    for (const code of ['offer', 'request', 'nak', 'discover', 'fail']) {
      leases.learn(lease('i', 'aa', { code }), AT)
    }
    leases.learn(lease('i', 'aa', { code: 'lease', ...end(AT - 1) }), AT)
    expect(leases.size).toBe(0)
  })

  test('are bounded, and counted when they go', () => {
    const leases = new LeaseTable(10)
    for (let at = 0; at < 25; at++) leases.learn(lease(`10.0.0.${at}`, 'aa'), AT)
    expect([leases.size, leases.evicted]).toEqual([10, 15])
    for (let at = 0; at < 40; at++) {
      leases.learn(lease('10.0.0.20', `0${at % 10}`, end(AT + HOUR)), AT + at)
    }
    const row = leases.takeChanges().find(({ key }) => key.endsWith('10.0.0.20'))
    expect((JSON.parse(row?.value ?? '[]') as unknown[]).length).toBe(16)
    // Told of again: it is not the one told of longest ago any more.
    leases.learn(lease('10.0.0.15', 'bb'), AT + 1)
    leases.learn(lease('10.0.0.99', 'aa'), AT)
    expect(leases.holder('10.0.0.15', AT + 1)).toBe('bb')
    expect(leases.holder('10.0.0.16', AT)).toBeUndefined()
  })

  test('what is saved batch by batch restores the table', () => {
    const step = fc.record({
      ip: fc.constantFrom('a', 'b', 'c', 'd'),
      mac: fc.constantFrom('aa', 'bb', 'cc'),
      at: fc.nat(20),
      span: fc.integer({ min: 1, max: 10 }),
      code: fc.constantFrom('ack', 'ack', 'release'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const live = new LeaseTable(3)
        const saved = new Map<string, string>()
        for (const { ip, mac, at, span, code } of steps) {
          live.learn(lease(ip, mac, { code, ...end(AT + (at + span) * HOUR) }), AT + at * HOUR)
          for (const { key, value } of live.takeChanges()) {
            if (value === undefined) saved.delete(key)
            else saved.set(key, value)
          }
        }
        const again = new LeaseTable(3)
        for (const [key, value] of saved) expect(again.restore(key, value)).toBe(true)
        for (const ip of ['a', 'b', 'c', 'd']) {
          for (let at = -1; at < 32; at++) {
            const time = AT + at * HOUR
            expect(again.holder(ip, time)).toBe(live.holder(ip, time))
          }
        }
      }),
    )
  })

  test('resolve an event by the address it came from', () => {
    const options = tables(PUMP)
    options.leases.learn(lease('10.0.5.8', '00:0c:29:aa:bb:cc'), AT)
    expect(resolve({ source: { ip: '10.0.5.8' } }, AT + 1, options)).toEqual({
      ...{ state: 'resolved', id: 'pump-7', rule: 'lease' },
    })
    expect(resolve({ source: { ip: '10.0.5.8' } }, AT - 1, options)).toBeUndefined()
  })
})

describe('a table of assets', () => {
  test('from CSV, with several values in a cell', () => {
    const rows = parseCsv('id,type,client_id,tags,mac\r\np1,pump,"a;b",x,\n\n"p,2",,c,,00:11\n')
    expect(readAssets(rows ?? [])).toEqual({
      ok: true,
      value: [
        { id: 'p1', type: 'pump', tags: ['x'], identifiers: { client_id: ['a', 'b'] } },
        { id: 'p,2', identifiers: { client_id: ['c'], mac: ['00:11'] } },
      ],
    })
  })

  test('with every problem and its line', () => {
    const rows = parseCsv('id,typ\np1,x\n,\np1,\np2,,,y\n') ?? []
    const read = readAssets([
      ...rows,
      { line: 9, value: { id: 'p1' } },
      { line: 10, value: { id: 'p1' } },
    ])
    expect(read.ok ? [] : read.problem.map(({ at, message }) => [at?.line, message])).toEqual([
      [2, expect.stringContaining('typ')],
      [5, expect.any(String)],
      [9, expect.stringContaining('twice')],
      [10, expect.stringContaining('twice')],
    ])
  })

  test('any text gives rows or nothing, and never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const rows = parseCsv(text)
        if (rows !== undefined) readAssets(rows)
      }),
    )
    expect(parseCsv('id\n"a')).toBeUndefined()
  })
})
