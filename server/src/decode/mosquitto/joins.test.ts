import { expect, test } from 'vitest'
import { decodeText } from '../testing/decode-text.ts'
import { mosquitto } from './mosquitto.ts'

const told = (text: string): string[] =>
  decodeText(mosquitto, text).drafts.map(
    ({ action, doc }) => `${action}/${(doc['event'] as { outcome: string }).outcome}`,
  )
const ERROR =
  'OpenSSL Error[0]: error:140760FC:SSL routines:SSL23_GET_CLIENT_HELLO:unknown protocol'

test('an error of TLS and the end of its connection are one failed handshake', () => {
  expect(
    told(`1795301345: ${ERROR}\n1795301345: Client <unknown> disconnected: Protocol error.`),
  ).toEqual(['tls-handshake/failure'])
})

test('a refused client is not swallowed by an error of TLS before it', () => {
  const refused = 'Client cam-1 [192.0.2.5:4000] disconnected: not authorised.'
  expect(told(`1795301345: ${ERROR}\n1795301345: ${refused}`)).toEqual([
    'tls-handshake/failure',
    'mqtt-connect/failure',
  ])
})

test('nor is a connection that ended much later', () => {
  const ended = '1795302345: Socket error on client <unknown>, disconnecting.'
  expect(told(`1795301345: ${ERROR}\n${ended}`)).toEqual([
    'tls-handshake/failure',
    'mqtt-disconnect/unknown',
  ])
})
