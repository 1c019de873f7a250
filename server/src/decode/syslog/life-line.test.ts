import { expect, test } from 'vitest'
import { decodeText } from '../testing/decode-text.ts'
import { syslog } from './syslog.ts'

test.each([
  ['cups: cupsd startup succeeded', 'service-start', 'success'],
  ['cups: cupsd startup failed', 'service-start', 'failure'],
  ['cups: cupsd shutdown succeeded', 'service-stop', 'success'],
  ['syslogd 1.4.1: restart.', 'service-start', 'success'],
  ['logrotate: ALERT exited abnormally with [1]', 'service-error', 'failure'],
  ['kernel: Linux version 6.1.0-13-arm64 (debian@example.org) #1 SMP', 'device-boot', 'success'],
  [' -- root[2421]: ROOT LOGIN ON tty2', 'user-login', 'success'],
  ["gdm-binary[2803]: Couldn't authenticate user", 'user-login', 'failure'],
  // Words of other programs stay what they are.
  ['app: Linux version 6.1 is needed', 'event', 'unknown'],
  ["app: Couldn't authenticate user", 'event', 'unknown'],
  ['app: the startup succeeded after all', 'event', 'unknown'],
])('%s', (words, action, outcome) => {
  const { drafts } = decodeText(syslog, `Jun 15 04:06:20 gw ${words}`)
  const seen = drafts.map((one) => [one.action, (one.doc['event'] as { outcome: string }).outcome])
  expect(seen).toEqual([[action, outcome]])
})

test('a login at the console names its user, a server its name', () => {
  const [console, server] = decodeText(
    syslog,
    'Jun 15 04:06:20 gw  -- root[2421]: ROOT LOGIN ON tty2\nJun 15 04:06:20 gw cups: cupsd startup succeeded',
  ).drafts
  expect(console?.doc['user']).toEqual({ name: 'root' })
  expect(server?.doc['service']).toEqual({ name: 'cupsd' })
})
