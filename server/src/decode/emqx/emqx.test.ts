import { expect, test } from 'vitest'
import { fieldOf } from '../../model/event.ts'
import { decodeText } from '../testing/decode-text.ts'
import { emqx } from './emqx.ts'

const decode = (value: unknown) => decodeText(emqx, JSON.stringify(value))
const at = (value: unknown, field: string): unknown => {
  const [draft] = decode(value).drafts
  return draft === undefined ? undefined : fieldOf(draft.doc, field)
}

test('an IPv6 peer is split at its brackets, a user "undefined" is none', () => {
  const hook = {
    event: 'client.connected',
    clientid: 'c',
    username: 'undefined',
    peername: '[2001:db8::5]:40112',
  }
  expect(at(hook, 'source.ip')).toBe('2001:db8::5')
  expect(at(hook, 'source.port')).toBe(40_112)
  expect(at(hook, 'user.name')).toBeUndefined()
})

test('the webhook of version 4 is read, with its own names', () => {
  const hook = {
    action: 'client_connected',
    clientid: 'v4',
    username: 'u',
    ipaddress: '10.0.0.8',
    proto_ver: 4,
  }
  expect(decode(hook).drafts[0]?.action).toBe('mqtt-connect')
  expect(at(hook, 'source.ip')).toBe('10.0.0.8')
})

test('what is no event of EMQX is rejected with a code, never dropped', () => {
  expect(decode({ hello: 'world' }).rejects.map(({ code }) => code)).toEqual(['DECODE_UNKNOWN'])
  expect(
    decode({ event: 'client.connected', clientid: 7, peername: {} }).rejects.length +
      decode({ event: 'client.connected', clientid: 7, peername: {} }).drafts.length,
  ).toBe(1)
})
