/**
 * Alerts as Detection Findings: valid by the published schema of OCSF 1.8.0, and nothing lost on the way.
 * The schema is not in the tree; .ci/run fetches it to .cache/ocsf.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AlertRecord, SEVERITIES } from '../src/model/alert.ts'
import { toFinding } from '../src/ocsf/finding.ts'
import { OCSF_VERSION } from '../src/ocsf/project.ts'
import { faultsOf, type OcsfSchema } from './ocsf-schema.ts'

const SCHEMA =
  process.env['PICKET_OCSF_SCHEMA'] ??
  join(import.meta.dirname, '..', '..', '.cache', 'ocsf', `${OCSF_VERSION}.json`)
const isThere = existsSync(SCHEMA) || process.env['REQUIRE_SERVICES'] === '1'

const ALERT: AlertRecord = {
  id: 'a1',
  revision: 1,
  rule: {
    ...{ id: 'r1', name: 'Brute force', kind: 'event_count', version: '3', hash: 'h' },
    tags: ['attack.t1110.001', 'attack.credential_access', 'attack.t0859', 'attack.g0016', 'cve.x'],
    references: ['https://attack.mitre.org/techniques/T1110/'],
    falsepositives: ['A device with an old password.'],
    response: ['Look at the address.', 'Block it.'],
  },
  ...{ severity: 'high', author: 'Picket', group: { 'source.ip': '192.0.2.7', 'device.id': 'p7' } },
  ...{ first: '2026-11-22T10:00:00.000Z', last: '2026-11-22T10:05:00.500Z', count: 20 },
  ...{ events: ['e1', 'e2'], eventsTotal: 20, state: 'final', suppressed_by: null, open: true },
  matched: { 'user.name': ['admin', 'root'], 'event.outcome': ['failure'] },
}

/** Values that stand in a finding under another form, or twice. */
const RENAMED = new Set(['high', 'attack.t1110.001'])
const leavesOf = (value: unknown): string[] =>
  value !== null && typeof value === 'object'
    ? Object.values(value).flatMap(leavesOf)
    : [String(value)]

test('an alert is a Detection Finding, with its rule, technique, values and events', () => {
  expect(toFinding(ALERT)).toMatchObject({
    ...{ class_uid: 2004, category_uid: 2, activity_id: 1, type_uid: 200_401, severity_id: 4 },
    ...{ time: Date.parse(ALERT.last), start_time: Date.parse(ALERT.first), duration: 300_500 },
    ...{ count: 20, status: 'New', status_detail: 'final, open', is_alert: true },
    metadata: { uid: 'a1:1', correlation_uid: 'a1', product: { name: 'Picket' } },
    finding_info: {
      ...{ uid: 'a1', title: 'Brute force', types: ['event_count'], related_events_count: 20 },
      analytic: { uid: 'r1', type_id: 1, version: '3' },
      attacks: [
        { technique: { uid: 'T1110' }, sub_technique: { uid: 'T1110.001' } },
        { tactic: { name: 'Credential Access' } },
        { technique: { uid: 'T0859' } },
      ],
      related_events: [{ uid: 'e1' }, { uid: 'e2' }],
    },
    observables: [
      { name: 'user.name', value: 'admin', type_id: 4 },
      { name: 'user.name', value: 'root', type_id: 4 },
      { name: 'source.ip', value: '192.0.2.7', type_id: 2 },
      { name: 'device.id', value: 'p7', type_id: 47 },
    ],
    device: { uid: 'p7', type_id: 7 },
    remediation: { desc: 'Look at the address.\nBlock it.' },
  })
})

test('what becomes of an alert is an activity and a status', () => {
  const of = (more: Partial<AlertRecord>): unknown[] => {
    const { activity_name, status, is_alert } = toFinding({ ...ALERT, ...more })
    return [activity_name, status, is_alert]
  }
  expect(of({ revision: 2 })).toEqual(['Update', 'New', true])
  expect(of({ revision: 3, open: false })).toEqual(['Close', 'New', true])
  expect(of({ suppressed_by: 'c1' })).toEqual(['Create', 'Suppressed', true])
  expect(of({ state: 'retracted', open: false })).toEqual(['Close', 'Retracted', true])
  expect(of({ rule: { ...ALERT.rule, life: 'shadow' } })).toEqual(['Create', 'New', false])
})

test('nothing of an alert is lost', () => {
  const there = new Set(leavesOf(toFinding(ALERT)))
  const times = new Set([ALERT.first, ALERT.last])
  const lost = leavesOf(ALERT).filter((leaf) => {
    return !there.has(times.has(leaf) ? String(Date.parse(leaf)) : leaf)
  })
  expect(lost.filter((leaf) => !RENAMED.has(leaf))).toEqual([])
})

describe.skipIf(!isThere)(
  'by the published schema (needs .cache/ocsf/1.8.0.json or PICKET_OCSF_SCHEMA)',
  () => {
    const schema = (): OcsfSchema => JSON.parse(readFileSync(SCHEMA, 'utf8')) as OcsfSchema

    test('the finding is valid, and the validator sees what is wrong', () => {
      expect(faultsOf(schema(), toFinding(ALERT))).toEqual([])
      expect(faultsOf(schema(), { ...toFinding(ALERT), status_id: 77 })).toHaveLength(1)
    })

    test('any alert is valid', () => {
      const published = schema()
      const field = fc.constantFrom(
        ...[
          'source.ip',
          'destination.mac',
          'user.name',
          'user.email',
          'host.name',
          'url.full',
          'device.id',
        ],
        ...[
          'file.hash.sha256',
          'iot.credential.id',
          'iot.mqtt.client_id',
          'x',
          'dns.question.name',
        ],
      )
      const value = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant('1'))
      const tag = fc.oneof(
        fc.string(),
        fc.constantFrom('attack.t1', 'attack.', 'attack.T1059', 'attack._'),
      )
      const alert: fc.Arbitrary<AlertRecord> = fc
        .record({
          revision: fc.integer({ min: 1, max: 1e9 }),
          severity: fc.constantFrom(...SEVERITIES),
          group: fc.dictionary(field, value),
          count: fc.nat(Number.MAX_SAFE_INTEGER),
          events: fc.array(fc.string()),
          state: fc.constantFrom('provisional', 'final', 'amended', 'retracted'),
          suppressed_by: fc.option(fc.string()),
          matched: fc.dictionary(field, fc.array(value)),
          open: fc.boolean(),
          rule: fc
            .record({ tags: fc.array(tag), response: fc.array(fc.string()), name: fc.string() })
            .map((more) => ({ ...ALERT.rule, ...more })),
        })
        .map((more) => ({ ...ALERT, ...more }))
      fc.assert(
        fc.property(alert, (one) => {
          expect(faultsOf(published, toFinding(one))).toEqual([])
        }),
        { numRuns: 1_000 },
      )
    })
  },
)
