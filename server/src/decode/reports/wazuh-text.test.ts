import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldOf } from '../../model/event.ts'
import { RECEIVED_MS } from '../testing/decode-text.ts'
import { reportDecoders } from './reports.ts'

const wazuh = reportDecoders['wazuh']!

interface Told {
  readonly events: { readonly timeMs: number | undefined; readonly doc: Record<string, unknown> }[]
  readonly rejects: string[]
}

function decode(text: string): Told {
  const told: Told = { events: [], rejects: [] }
  wazuh.create().decode(
    { text, key: 'k', receivedMs: RECEIVED_MS },
    {
      event: ({ timeMs, doc }) => told.events.push({ timeMs, doc }),
      routine: () => undefined,
      reject: (code) => told.rejects.push(code),
    },
  )
  return told
}

/** After the examples in Wazuh's documentation and OSSEC's `log.c`. */
const LOGIN = [
  '** Alert 1571166477.30198: - syslog,sshd,invalid_login,authentication_failed,pci_dss_10.2.4,pci_dss_10.2.5,gdpr_IV_35.7.d,',
  '2019 Oct 15 21:09:56 (pump-7) 10.0.0.97->/var/log/secure',
  "Rule: 5710 (level 5) -> 'sshd: Attempt to login using a non-existent user'",
  'Src IP: 203.0.113.18',
  'Src Port: 48928',
  'User: blimey',
  'Oct 15 21:07:56 linux-agent sshd[29205]: Invalid user blimey from 203.0.113.18 port 48928',
  '',
]
const CHECK = [
  '** Alert 1460948255.25442: mail  - ossec,syscheck,pci_dss_11.5,',
  '2016 Apr 17 19:57:35 (gateway 1) any->syscheck',
  "Rule: 550 (level 7) -> 'Integrity checksum changed.'",
  "Integrity checksum changed for: '/etc/passwd'",
  "Size changed from '12' to '17'",
  "Old md5sum was: 'e59ff97941044f85df5297e1c302d260'",
  "New md5sum is : '7947eba5d9cc58d440fb06912e302949'",
  '',
]
const OWN = [
  '** Alert 1556643969.400529: - sca,gdpr_IV_35.7.d',
  '2019 Apr 30 10:06:09 manager->sca',
  "Rule: 19008 (level 3) -> 'Ensure ASLR is enabled'",
  '{"type":"check","id":645241598}',
]

describe("alerts of Wazuh's and OSSEC's alerts.log", () => {
  test('a login, with all that its lines say', () => {
    const { events } = decode(LOGIN.join('\n'))
    const at = (field: string): unknown => fieldOf(events[0]!.doc, field)
    expect(events).toHaveLength(1)
    expect(events[0]!.timeMs).toBe(1_571_166_477_000)
    expect({
      rule: at('rule.id'),
      name: at('rule.name'),
      outcome: at('event.outcome'),
      level: at('wazuh.level'),
      groups: at('wazuh.groups'),
      demanded: at('wazuh.compliance'),
      device: at('device.id'),
      host: at('host.ip'),
      ip: at('source.ip'),
      port: at('source.port'),
      user: at('user.name'),
      location: at('wazuh.location'),
      message: at('message'),
      reference: at('event.reference'),
    }).toEqual({
      rule: '5710',
      name: 'sshd: Attempt to login using a non-existent user',
      outcome: 'failure',
      level: 5,
      groups: ['syslog', 'sshd', 'invalid_login', 'authentication_failed'],
      demanded: { pci_dss: ['10.2.4', '10.2.5'], gdpr: ['IV_35.7.d'] },
      device: 'pump-7',
      host: '10.0.0.97',
      ip: '203.0.113.18',
      port: 48_928,
      user: 'blimey',
      location: '/var/log/secure',
      message: LOGIN[6],
      reference: '1571166477.30198',
    })
  })

  test('a changed file', () => {
    const { doc } = decode(CHECK.join('\r\n')).events[0]!
    expect(fieldOf(doc, 'file')).toMatchObject({
      path: '/etc/passwd',
      size: 17,
      hash: { md5: '7947eba5d9cc58d440fb06912e302949' },
    })
    expect(fieldOf(doc, 'event.type')).toEqual(['change'])
    expect([fieldOf(doc, 'device.id'), fieldOf(doc, 'host.ip')]).toEqual(['gateway 1', undefined])
  })

  test.each([
    ["File '/etc/cron.d/x' was added.", 'creation'],
    ["File '/etc/cron.d/x' added\nMode: realtime", 'creation'],
    ["File '/etc/cron.d/x' was deleted. Unable to retrieve checksum.", 'deletion'],
    ["File '/etc/cron.d/x' modified\nChanged attributes: size", 'change'],
  ])('%s', (words, type) => {
    const { doc } = decode([...CHECK.slice(0, 3), words].join('\n')).events[0]!
    expect([fieldOf(doc, 'event.type'), fieldOf(doc, 'file.path')]).toEqual([
      [type],
      '/etc/cron.d/x',
    ])
  })

  test('one of the manager itself, whose words are JSON', () => {
    const { doc } = decode(OWN.join('\n')).events[0]!
    expect(fieldOf(doc, 'device.id')).toBe('manager')
    expect(fieldOf(doc, 'host.id')).toBe('000')
    expect(fieldOf(doc, 'message')).toBe(OWN[3])
  })

  test('what breaks off before its rule is rejected, and nothing is thrown', () => {
    expect(decode(LOGIN.slice(0, 2).join('\n')).rejects).toEqual(['DECODE_SYNTAX'])
    const long = decode([...LOGIN, 'x'.repeat(1_048_576)].join('\n'))
    expect(long).toEqual({ events: [], rejects: ['DECODE_TOO_LONG'] })
    fc.assert(
      fc.property(fc.nat(600), fc.string({ maxLength: 8 }), (cut, put) => {
        const text = LOGIN.join('\n')
        const { events, rejects } = decode(`** Alert ${text.slice(9, cut + 9)}${put}`)
        expect(events.length + rejects.length).toBe(1)
      }),
    )
  })
})
