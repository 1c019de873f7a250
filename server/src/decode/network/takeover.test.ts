import { describe, expect, test } from 'vitest'
import { type DecoderSpec } from '../../model/decoder.ts'
import { fieldOf } from '../../model/event.ts'
import { awsIot } from '../aws-iot/aws-iot.ts'
import { emqx } from '../emqx/emqx.ts'
import { decodeText } from '../testing/decode-text.ts'

const T0 = 1_795_301_345_000

/** `source`, `user` and `iot.mqtt` of the takeover among what these records tell. */
function takeover(spec: DecoderSpec, records: readonly object[]): Record<string, unknown> {
  const text = records.map((record) => JSON.stringify(record)).join('\n')
  const { drafts } = decodeText(spec, text)
  const draft = drafts.find(({ action }) => action === 'mqtt-takeover')
  expect(draft).toBeDefined()
  const at = (field: string): unknown => fieldOf(draft!.doc, field)
  return {
    ip: at('source.ip'),
    port: at('source.port'),
    user: at('user.name'),
    credential: at('iot.credential.id'),
    identity: at('iot.mqtt.identity'),
    lost: at('iot.mqtt.previous'),
  }
}

const nobody = { ip: undefined, port: undefined, user: undefined, credential: undefined }

describe('EMQX', () => {
  const connected = (peername: string, atMs: number, username = 'pump'): object => {
    return { event: 'client.connected', clientid: 'c', username, peername, timestamp: atMs }
  }
  const ended = (peername: string, atMs: number): object => {
    const event = { event: 'client.disconnected', clientid: 'c', username: 'pump', peername }
    return { ...event, reason: 'takenover', timestamp: atMs }
  }
  const lost = { address: '10.0.0.5', ip: '10.0.0.5', port: 4000, user: 'pump' }

  test('source is the connection that took the id, where it was told before', () => {
    expect(
      takeover(emqx, [
        connected('10.0.0.5:4000', T0 - 60_000),
        connected('203.0.113.9:5000', T0 + 20, 'thief'),
        ended('10.0.0.5:4000', T0),
      ]),
    ).toEqual({
      ip: '203.0.113.9',
      port: 5000,
      user: 'thief',
      credential: undefined,
      identity: 'inferred',
      lost,
    })
  })

  test.each([
    ['nothing else is known', []],
    ['only the loser was seen', [connected('10.0.0.5:4000', T0 - 500)]],
    ['the last connect is long ago', [connected('203.0.113.9:5000', T0 - 60_000)]],
  ])('source is absent where %s', (_case, before) => {
    expect(takeover(emqx, [...before, ended('10.0.0.5:4000', T0)])).toEqual({
      ...nobody,
      identity: 'unknown',
      lost,
    })
  })
})

describe('AWS IoT', () => {
  const log = (eventType: string, atMs: number, port: number, more: object = {}): object => ({
    timestamp: new Date(atMs).toISOString().replace('T', ' ').replace('Z', ''),
    status: 'Success',
    eventType,
    clientId: 'c',
    principalId: '1670',
    sourceIp: '203.0.113.1',
    sourcePort: port,
    ...more,
  })
  const ended = log('Disconnect', T0, 21_335, { status: 'Failure', reason: 'DUPLICATE_CLIENT_ID' })
  const lost = { address: '203.0.113.1', ip: '203.0.113.1', port: 21_335, user: '1670' }

  test('source, user and credential are of the connection that took the id', () => {
    const certificate = 'ab'.repeat(32)
    const thief = { sourceIp: '198.51.100.7', principalId: certificate }
    const told = takeover(awsIot, [
      log('Connect', T0 - 100, 1),
      log('Connect', T0, 2, thief),
      ended,
    ])
    expect(told).toEqual({
      ip: '198.51.100.7',
      port: 2,
      user: certificate,
      credential: certificate,
      identity: 'inferred',
      lost,
    })
  })

  test('a second connection behind the same address is told by its port', () => {
    expect(takeover(awsIot, [log('Connect', T0, 30_000), ended])).toMatchObject({ port: 30_000 })
  })

  test('the connection that ends is not taken for the one that took the id', () => {
    const earlier = log('Connect', T0 - 900, 2, { sourceIp: '198.51.100.7' })
    const told = takeover(awsIot, [earlier, log('Connect', T0 - 100, 21_335), ended])
    expect(told).toEqual({ ...nobody, identity: 'unknown', lost })
  })
})
