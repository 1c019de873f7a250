import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fieldOf } from '../../model/event.ts'
import { decodeText } from '../testing/decode-text.ts'
import { syslog } from './syslog.ts'

const FROM = 'from 203.0.113.7 port 50122'
const at = (message: string, pid = '[7]', host = 'gw'): string =>
  `Nov 22 01:00:00 ${host} sshd${pid}: ${message}`

/** The lines that are failures of a login, by their number. */
function failures(lines: readonly string[]): number[] {
  const told: number[] = []
  for (const { action, doc, origin } of decodeText(syslog, lines.join('\n')).drafts) {
    if (action !== 'user-login' || fieldOf(doc, 'event.outcome') !== 'failure') continue
    told.push(lines.indexOf(origin?.text ?? ''))
  }
  return told
}

const INVALID = at(`Invalid user admin ${FROM}`)
const FAILED = at(`Failed password for invalid user admin ${FROM} ssh2`)
const NONE = at(`Failed none for invalid user admin ${FROM} ssh2`)
const CLOSED = at('Connection closed by invalid user admin 203.0.113.7 port 50122 [preauth]')
const KNOWN = at(`Failed password for root ${FROM} ssh2`)
const KNOWN_CLOSED = at(
  'Connection closed by authenticating user root 203.0.113.7 port 50122 [preauth]',
)
const TOO_MANY = at(
  `error: maximum authentication attempts exceeded for root ${FROM} ssh2 [preauth]`,
)
const DISCONNECTING = at(
  'Disconnecting authenticating user root 203.0.113.7 port 50122: Too many authentication failures [preauth]',
)
const REFUSED = at('User root from 203.0.113.7 not allowed because not listed in AllowUsers')

test.each([
  ['an unknown user who tries once', [INVALID, FAILED, CLOSED], 1],
  ['who tries three times', [INVALID, FAILED, FAILED, FAILED, CLOSED], 3],
  ['who asks first which methods there are', [INVALID, NONE, FAILED, CLOSED], 1],
  ['who leaves without an attempt', [INVALID, CLOSED], 1],
  ['of whom only the first line is in the log', [INVALID], 1],
  ['of whom only the second is', [FAILED], 1],
  ['of whom only the last is', [CLOSED], 1],
  ['a known user who tries twice', [KNOWN, KNOWN, KNOWN_CLOSED], 2],
  ['who tries too often', [KNOWN, KNOWN, TOO_MANY, DISCONNECTING], 2],
  ['too often, and no attempt is in the log', [TOO_MANY, DISCONNECTING], 1],
  ['a user who is not allowed', [REFUSED, KNOWN, KNOWN_CLOSED], 1],
])('one failure per attempt: %s', (_case, lines, count) => {
  expect(failures(lines)).toHaveLength(count)
})

test('connections of other processes, hosts and peers are others', () => {
  expect(failures([INVALID, FAILED.replace('[7]', '[8]')])).toHaveLength(2)
  expect(failures([INVALID, FAILED.replace('gw', 'gw2')])).toHaveLength(2)
  expect(failures([INVALID, FAILED.replace('203.0.113.7', '203.0.113.8')])).toHaveLength(2)
})

test('a process id that comes again after a login, or without one, counts anew', () => {
  const accepted = at(`Accepted password for admin ${FROM} ssh2`)
  expect(failures([INVALID, accepted, FAILED])).toHaveLength(2)
  expect(failures([INVALID, FAILED, CLOSED, INVALID, FAILED, CLOSED])).toHaveLength(2)
})

test('without a process id nothing is held together: each line counts', () => {
  expect(failures([INVALID.replace('[7]', ''), FAILED.replace('[7]', '')])).toHaveLength(2)
})

test('a server that tells of each attempt in one line is not held to be sshd', () => {
  const line =
    'Nov 22 01:00:00 gw proftpd[7]: gw (203.0.113.7[203.0.113.7]) - USER a: no such user found'
  expect(failures([line, line])).toHaveLength(2)
})

test('lines that rsyslog counted are as many attempts', () => {
  const words = `Failed password for invalid user admin ${FROM} ssh2`
  const repeated = at(`message repeated 3 times: [ ${words}]`)
  expect(failures([repeated])).toHaveLength(3)
  expect(failures([INVALID, FAILED, repeated])).toHaveLength(4)
})

test('the line that is not counted says so, and is kept', () => {
  const second = decodeText(syslog, `${INVALID}\n${FAILED}`).drafts[1]!
  expect(second.action).toBe('user-login')
  expect(fieldOf(second.doc, 'event.code')).toBe('failed')
  expect(fieldOf(second.doc, 'event.outcome')).toBe('unknown')
  expect(fieldOf(second.doc, 'event.reason')).toBe('failed password, of an attempt told before')
})

test('a restart between the lines changes nothing', () => {
  const lines = [INVALID, NONE, FAILED, FAILED, TOO_MANY, CLOSED, KNOWN, KNOWN_CLOSED]
  const outcomes = (texts: readonly string[], restarts: boolean): unknown[] => {
    const saved = new Map<string, string>()
    let decoder = syslog.create()
    const told: unknown[] = []
    for (const [index, text] of texts.entries()) {
      if (restarts) {
        for (const { key, value } of decoder.takeChanges?.() ?? []) {
          if (value === undefined) saved.delete(key)
          else saved.set(key, value)
        }
        decoder = syslog.create()
        decoder.restore?.(saved)
      }
      decoder.decode(
        { text, key: String(index), receivedMs: 1_795_301_345_000 },
        {
          event: ({ doc }) => told.push(fieldOf(doc, 'event.outcome')),
          routine: () => undefined,
          reject: () => undefined,
        },
      )
    }
    return told
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...lines), { size: 'max', maxLength: 12 }), (texts) => {
      expect(outcomes(texts, true)).toEqual(outcomes(texts, false))
    }),
    { numRuns: 100 },
  )
})
