import { generate } from 'mqtt-packet'
import { describe, expect, test } from 'vitest'
import type { Draft } from '../../model/decoder.ts'
import { fieldOf } from '../../model/event.ts'
import { decodeInto, newTold, RECEIVED_MS, settleInto, type Told } from '../testing/decode-text.ts'
import { pcapngOf, pcapOf, WireConnection, type WireSegment } from '../testing/capture-wire.ts'
import { cutSegment, recordsOf } from '../testing/fragment-wire.ts'
import { mqttPcap } from './mqtt-pcap.ts'

const T = Date.UTC(2026, 10, 22, 10)

function decode(records: readonly Uint8Array[], options?: Record<string, unknown>): Told {
  const decoder = mqttPcap.create(options)
  const told = newTold()
  for (const [index, bytes] of records.entries()) {
    decodeInto(told, decoder, { text: '', bytes, key: `c:${index}`, receivedMs: RECEIVED_MS })
  }
  settleInto(told, decoder)
  return told
}

const read = (segments: readonly WireSegment[], options?: Record<string, unknown>): Told =>
  decode(pcapOf(segments), options)

const at = (draft: Draft | undefined, path: string): unknown =>
  draft === undefined ? undefined : fieldOf(draft.doc, path)

/** `action outcome-or-code id`, without the counts of messages. */
function story({ drafts }: Told): string[] {
  return drafts
    .filter(({ action }) => action !== 'mqtt-traffic')
    .map((draft) => {
      const id = String(at(draft, 'iot.mqtt.client_id') ?? '-')
      return `${draft.action} ${String(at(draft, 'event.code'))} ${id}`
    })
}

const find = (told: Told, action: string): Draft | undefined =>
  told.drafts.find((draft) => draft.action === action)

const session = (id = 'pump-1', more: object = {}): WireConnection =>
  new WireConnection({ timeMs: T, ...more })
    .open()
    .connect(id, { username: 'u', password: Buffer.from('s3cret') })

test.each(['10.1.0.7', '2001:db8::7'])(
  'is told though its packets came in fragments: %s',
  (client) => {
    const server = client.includes(':') ? '2001:db8::1' : '10.1.0.1'
    const whole = session('pump-1', { client, server }).connack().close()
    const [header, ...records] = pcapOf(whole.segments)
    const fragments = whole.segments.flatMap((segment, id) =>
      segment.payload.length < 16
        ? [records[id]!]
        : recordsOf(records[id]!, cutSegment(segment, [1, 3], id).toReversed()),
    )
    expect(fragments.length).toBeGreaterThan(records.length)
    const told = decode([header!, ...fragments])
    expect(story(told)).toEqual(story(read(whole.segments)))
    expect(story(told)[0]).toBe('mqtt-connect connected pump-1')
  },
)

describe('a session in a capture', () => {
  const whole = session()
    .connack()
    .publish('t/1', 'hello')
    .say('client', { cmd: 'disconnect' })
    .close()

  test('is told from CONNECT to DISCONNECT', () => {
    const told = read(whole.segments)
    expect(story(told)).toEqual([
      'mqtt-connect connected pump-1',
      'mqtt-disconnect disconnected pump-1',
    ])
    const connect = find(told, 'mqtt-connect')
    expect(connect?.doc).toMatchObject({
      source: { ip: '10.1.0.7', port: 40_001 },
      destination: { ip: '10.1.0.1', port: 1883 },
      user: { name: 'u' },
      iot: {
        mqtt: { keepalive: 60, clean_start: true, protocol_version: '3.1.1', reason_code: 0 },
      },
    })
    expect(connect?.timeMs).toBeGreaterThanOrEqual(T)
    expect(told.rejects).toEqual([])
    expect(JSON.stringify(told.drafts)).not.toContain('s3cret')
    expect(JSON.stringify(told.drafts)).not.toContain('hello')
  })

  test('is counted by client and topic', () => {
    expect(find(read(whole.segments), 'mqtt-traffic')?.doc).toMatchObject({
      source: { ip: '10.1.0.7', packets: 2 },
      iot: {
        mqtt: { client_id: 'pump-1', traffic: { sent: 1, topics: [{ name: 't/1', messages: 1 }] } },
      },
    })
  })

  const forms: [string, Uint8Array[]][] = [
    ['pcap, big-endian', pcapOf(whole.segments, { le: false })],
    ['pcap, nanoseconds', pcapOf(whole.segments, { nano: true })],
    ['pcap, big-endian nanoseconds', pcapOf(whole.segments, { le: false, nano: true })],
    ['Linux cooked', pcapOf(whole.segments, { link: 113 })],
    ['Linux cooked 2', pcapOf(whole.segments, { link: 276 })],
    ['raw IP', pcapOf(whole.segments, { link: 101 })],
    ['loopback', pcapOf(whole.segments, { link: 0 })],
    ['pcapng', pcapngOf(whole.segments)],
    ['pcapng, big-endian', pcapngOf(whole.segments, { le: false })],
    ['pcapng, nanoseconds', pcapngOf(whole.segments, { resolution: 9 })],
    [
      'two sections',
      [
        ...pcapngOf(whole.segments.slice(0, 4)),
        ...pcapngOf(whole.segments.slice(4), { le: false }),
      ],
    ],
    [
      'two captures in one',
      [...pcapOf(whole.segments.slice(0, 4)), ...pcapOf(whole.segments.slice(4), { le: false })],
    ],
    ['one item', [Buffer.concat(pcapOf(whole.segments))]],
  ]
  test.each(forms)('%s', (_, records) => {
    const told = decode(records)
    expect(story(told)).toEqual(story(read(whole.segments)))
    expect(told.rejects).toEqual([])
    expect(find(told, 'mqtt-connect')?.timeMs).toBe(
      find(read(whole.segments), 'mqtt-connect')?.timeMs,
    )
  })

  test('over IPv6', () => {
    const v6 = session('six', { client: 'fd00::7', server: 'fd00::1' }).connack()
    const connect = find(read(v6.segments), 'mqtt-connect')
    expect(at(connect, 'source.ip')).toBe('fd00::7')
    expect(at(connect, 'iot.mqtt.client_id')).toBe('six')
  })

  test('on a port that nobody named', () => {
    const other = session('other', { serverPort: 18_830 }).connack()
    expect(story(read(other.segments))).toEqual(['mqtt-connect connected other'])
  })

  test('with VLAN tags', () => {
    const [header = Buffer.alloc(0), ...records] = pcapOf(whole.segments)
    const tagged = records.map((record) => {
      const frame = record.subarray(16)
      const tags = Buffer.from([0x88, 0xa8, 0, 1, 0x81, 0, 0, 2])
      const made = Buffer.concat([frame.subarray(0, 12), tags, frame.subarray(12)])
      const head = Buffer.from(record.subarray(0, 16))
      head.writeUInt32LE(made.length, 8)
      head.writeUInt32LE(made.length, 12)
      return Buffer.concat([head, made])
    })
    expect(story(decode([header, ...tagged]))).toEqual(story(read(whole.segments)))
  })

  test('passwords are not in what is saved once the CONNECT is read', () => {
    const decoder = mqttPcap.create()
    const told = newTold()
    for (const [index, bytes] of pcapOf(whole.segments.slice(0, 5)).entries()) {
      decodeInto(told, decoder, { text: '', bytes, key: `c:${index}`, receivedMs: RECEIVED_MS })
    }
    const saved = JSON.stringify(decoder.takeChanges?.())
    expect(saved).toContain('pump-1')
    expect(saved).not.toContain('s3cret')
    expect(saved).not.toContain(Buffer.from('s3cret').toString('base64').slice(0, 6))
  })
})

describe('what else connections come to', () => {
  test('a wrong password, in both versions', () => {
    const old = session('bad-1').connack(5).close('server')
    const told = read(old.segments)
    expect(story(told)).toEqual(['mqtt-connect connack-refused bad-1'])
    expect(find(told, 'mqtt-connect')?.doc).toMatchObject({
      event: { outcome: 'failure', reason: 'not authorised' },
      iot: { mqtt: { reason_code: 5, retry: { count: 1 } } },
    })
    const v5 = new WireConnection({ timeMs: T }).open()
    v5.connect('bad-5', { protocolVersion: 5 }).connack(0x86, 5).close('server')
    expect(at(find(read(v5.segments), 'mqtt-connect'), 'event.reason')).toBe(
      'bad username or password',
    )
  })

  test('a second connection takes the client id', () => {
    const first = session('dup', { port: 1 }).connack()
    const second = session('dup', { port: 2, client: '10.1.0.8', timeMs: T + 500 })
    const segments = [...first.segments, ...second.segments]
    first.timeMs = second.timeMs
    first.fin('server')
    segments.push(...first.segments.slice(-1))
    const before = second.segments.length
    second.connack()
    segments.push(...second.segments.slice(before))
    const told = read(segments)
    expect(story(told)).toEqual([
      'mqtt-connect connected dup',
      'mqtt-disconnect taken-over dup',
      'mqtt-takeover takeover dup',
      'mqtt-connect connected dup',
    ])
    expect(find(told, 'mqtt-takeover')?.doc).toMatchObject({
      source: { ip: '10.1.0.8' },
      iot: { mqtt: { previous: { ip: '10.1.0.7', port: 1, user: 'u' } } },
    })
  })

  test('a client that comes back after its end takes nothing over; nor one that is refused', () => {
    const first = session('dup', { port: 1 }).connack().close()
    const second = session('dup', { port: 2, timeMs: T + 500 }).connack()
    const third = session('dup', { port: 3, timeMs: T + 900 }).connack(5)
    const told = read([...first.segments, ...second.segments, ...third.segments])
    expect(find(told, 'mqtt-takeover')).toBeUndefined()
  })

  test('silence past the keep-alive, a lost connection, a reset, a broker that hangs up', () => {
    const ends = [
      session('late').connack().wait(91_000).fin('server'),
      session('lost').connack().fin('client'),
      session('reset').connack().reset('client'),
      session('thrown').connack().wait(5_000).fin('server'),
    ]
    expect(ends.map(({ segments }) => story(read(segments))[1])).toEqual([
      'mqtt-timeout timeout late',
      'mqtt-disconnect closed lost',
      'mqtt-disconnect socket-error reset',
      'mqtt-disconnect server-closed thrown',
    ])
  })

  test('MQTT 5: the broker says why; a denied publish and subscription are told', () => {
    const five = new WireConnection({ timeMs: T }).open()
    five.connect('five', { protocolVersion: 5 }).connack(0, 5)
    const more = { qos: 1, messageId: 7, properties: { topicAlias: 3 } }
    five.publish('devices/other/t', 'x', more, 5)
    five.say('server', { cmd: 'puback', messageId: 7, reasonCode: 0x87 }, 5)
    five.publish('', 'x', { ...more, messageId: 8 }, 5)
    five.say('server', { cmd: 'puback', messageId: 8, reasonCode: 0x87 }, 5)
    const subscriptions = [
      { topic: '#', qos: 0 as const },
      { topic: 'own/#', qos: 1 as const },
    ]
    five.say('client', { cmd: 'subscribe', messageId: 9, subscriptions }, 5)
    five.say('server', { cmd: 'suback', messageId: 9, granted: [0x87, 1] }, 5)
    five.say('server', { cmd: 'disconnect', reasonCode: 0x98 }, 5).close('server')
    const told = read(five.segments)
    expect(story(told)).toEqual([
      'mqtt-connect connected five',
      'mqtt-publish-denied publish-denied five',
      'mqtt-publish-denied publish-denied five',
      'mqtt-subscribe-denied subscribe-denied five',
      'mqtt-subscribe subscribed five',
      'mqtt-disconnect administrative five',
    ])
    const topics = told.drafts.map((draft) => at(draft, 'iot.mqtt.topic')).filter((topic) => topic)
    expect(topics.slice(0, 4)).toEqual(['devices/other/t', 'devices/other/t', '#', 'own/#'])
  })

  test('a port scan, and other ports, are routine', () => {
    const scan = new WireConnection({ timeMs: T }).open().reset('client')
    const web = new WireConnection({ timeMs: T, serverPort: 80 }).open()
    web.bytes('client', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')).close()
    const told = read([...scan.segments, ...web.segments])
    expect(told.drafts).toEqual([])
    expect(told.routine.get('other-port')).toBe(1)
  })

  test('what is no MQTT on the port of MQTT breaks the protocol', () => {
    const http = new WireConnection({ timeMs: T })
      .open()
      .bytes('client', Buffer.from('\x16\x03\x01abc'))
    const broken = find(read(http.segments), 'protocol-error')
    expect(at(broken, 'event.code')).toBe('malformed')
  })

  test('MQTT over WebSocket', () => {
    const head = 'GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n'
    const connect = generate({ cmd: 'connect', clientId: 'web', keepalive: 30 } as never)
    const mask = Buffer.from([1, 2, 3, 4])
    const masked = Buffer.from(connect.map((byte, index) => byte ^ (mask[index % 4] ?? 0)))
    const frame = Buffer.concat([Buffer.from([0x82, 0x80 | connect.length]), mask, masked])
    const web = new WireConnection({ timeMs: T, serverPort: 9001 }).open()
    web.bytes('client', Buffer.from(head), 20_000)
    web.bytes('server', Buffer.from('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
    web.bytes('client', frame, 5).bytes('server', Buffer.from([0x82, 4, 0x20, 2, 0, 0]))
    expect(story(read(web.segments))).toEqual(['mqtt-connect connected web'])
  })
})

describe('TLS', () => {
  const record = (type: number, body: Buffer): Buffer =>
    Buffer.concat([Buffer.from([type, 3, 3, body.length >> 8, body.length & 255]), body])
  const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
  const name = Buffer.from('broker.example')
  const sni = Buffer.concat([u16(name.length + 3), Buffer.from([0]), u16(name.length), name])
  const extensions = Buffer.concat([u16(0), u16(sni.length), sni])
  const fixed = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32), Buffer.from([0])])
  const hello = Buffer.concat([
    fixed,
    u16(2),
    u16(0xc02f),
    Buffer.from([1, 0]),
    u16(extensions.length),
    extensions,
  ])
  const clientHello = record(22, Buffer.concat([Buffer.from([1, 0]), u16(hello.length), hello]))
  const serverBody = Buffer.concat([fixed, u16(0xc02f), Buffer.from([0])])
  const serverHello = record(
    22,
    Buffer.concat([Buffer.from([2, 0]), u16(serverBody.length), serverBody]),
  )
  const tls = (): WireConnection =>
    new WireConnection({ timeMs: T, serverPort: 8883 }).open().bytes('client', clientHello, 30)

  test('a handshake that comes to its end names the server asked for', () => {
    const good = tls()
      .bytes('server', serverHello)
      .bytes('server', record(20, Buffer.from([1])))
      .close()
    const told = read(good.segments)
    expect(told.drafts.map(({ action }) => action)).toEqual(['tls-handshake'])
    expect(told.drafts[0]?.doc).toMatchObject({
      event: { outcome: 'success' },
      tls: { established: true, version: '1.2', client: { server_name: 'broker.example' } },
    })
  })

  test('an alert, or a hang-up, is a failure with its reason', () => {
    const alert = tls()
      .bytes('server', serverHello)
      .bytes('client', record(21, Buffer.from([2, 48])))
    expect(at(find(read(alert.segments), 'tls-handshake'), 'event.reason')).toBe(
      'unknown ca (alert of the client)',
    )
    const hungUp = find(read(tls().close('server').segments), 'tls-handshake')
    expect(at(hungUp, 'event.outcome')).toBe('failure')
  })
})

describe('floods', () => {
  const many = (count: number, make: (index: number) => WireConnection): WireSegment[] =>
    Array.from({ length: count }, (_, index) => make(index).segments)
      .flat()
      .sort((a, b) => a.timeMs - b.timeMs)

  test('connections that send a CONNECT byte by byte and never end it', () => {
    const slow = many(25, (index) => {
      const port = 50_000 + index
      const connection = new WireConnection({ timeMs: T + index * 100, port }).open()
      const connect = generate({ cmd: 'connect', clientId: `s${index}` } as never)
      for (const byte of connect.subarray(0, 10))
        connection.wait(2_000).bytes('client', Buffer.of(byte))
      return connection
    })
    const flood = find(read(slow), 'mqtt-flood')
    expect(flood?.doc).toMatchObject({
      event: { code: 'unfinished-connects' },
      source: { ip: '10.1.0.7' },
      iot: { mqtt: { flood: { connections: 20, scope: 'address' } } },
    })
  })

  test('connections that break the protocol', () => {
    const told = read(
      many(30, (index) =>
        new WireConnection({ timeMs: T + index * 50, port: 50_000 + index })
          .open()
          .bytes('client', Buffer.from([0xf0 + (index % 2), 1, 2]))
          .close('server'),
      ),
    )
    expect(told.drafts.filter(({ action }) => action === 'protocol-error')).toHaveLength(30)
    expect(at(find(told, 'mqtt-flood'), 'event.code')).toBe('malformed-packets')
  })

  test('a flood of SYN does not push sessions out', () => {
    const live = session('kept', { port: 1 }).connack()
    const decoder = mqttPcap.create()
    const told = newTold()
    let line = 0
    const take = (records: readonly Uint8Array[]): void => {
      for (const bytes of records) {
        decodeInto(told, decoder, { text: '', bytes, key: `c:${line++}`, receivedMs: RECEIVED_MS })
      }
    }
    take(pcapOf(live.segments))
    for (let turn = 0; turn < 30_000; turn++) {
      const client = `10.2.${turn >> 8}.${turn & 255}`
      const syn = new WireConnection({ timeMs: T + turn / 10, client }).open().segments.slice(0, 1)
      take(pcapOf(syn).slice(1))
    }
    const before = live.segments.length
    live.say('client', { cmd: 'disconnect' })
    take(pcapOf(live.segments.slice(before)).slice(1))
    expect(told.drafts.at(-1)?.action).toBe('mqtt-disconnect')
    expect(decoder.stats?.()['young']).toBeLessThanOrEqual(10_000)
  }, 60_000)
})

describe('captures that lack something', () => {
  test('met midway, messages are counted and the end is not invented', () => {
    const whole = session('mid').connack().publish('a/b', 'x').publish('a/b', 'y')
    const told = read(whole.segments.slice(5))
    expect(story(told)).toEqual([])
    expect(at(find(told, 'mqtt-traffic'), 'iot.mqtt.traffic.sent')).toBe(2)
  })

  test('cut to 80 bytes a packet, topics of large messages are still counted', () => {
    const cut = new WireConnection({ timeMs: T }).open().connect('c').connack()
    cut
      .publish('t/large', 'z'.repeat(5_000))
      .publish('t/small', 'y')
      .say('client', { cmd: 'disconnect' })
    const told = decode(pcapOf(cut.segments, { snap: 80 }))
    expect(story(told)).toEqual(['mqtt-connect connected c', 'mqtt-disconnect disconnected c'])
    const traffic = find(told, 'mqtt-traffic')
    expect(at(traffic, 'iot.mqtt.topic')).toEqual(['t/large', 't/small'])
    expect(at(traffic, 'source.bytes')).toBe(5_000 + 12 + 12 + 2)
  })

  test('a segment that was not captured costs its packets only', () => {
    const lossy = session('gap').connack()
    for (let turn = 0; turn < 100; turn++) lossy.publish(`t/${turn % 3}`, 'x'.repeat(20))
    lossy.say('client', { cmd: 'disconnect' }).close()
    const told = read(lossy.segments.filter((_, index) => index !== 20))
    expect(story(told).at(-1)).toBe('mqtt-disconnect disconnected gap')
    expect(at(find(told, 'mqtt-traffic'), 'iot.mqtt.traffic.sent')).toBe(99)
  })

  test('a CONNECT that was not captured: its answer is told, without a name', () => {
    const nameless = session()
      .connack(5)
      .close('server')
      .segments.filter((_, index) => index !== 3)
    const told = read(nameless)
    expect(story(told)).toEqual(['mqtt-connect connack-refused -'])
    expect(at(find(told, 'mqtt-connect'), 'source.ip')).toBe('10.1.0.7')
  })

  test('a CONNACK that was not captured: what follows tells that it was let in, a hang-up tells nothing', () => {
    const open = session('in').connack().say('client', { cmd: 'pingreq' })
    open.say('server', { cmd: 'pingresp' }).say('client', { cmd: 'disconnect' }).close()
    const acked = open.segments.filter((_, index) => index !== 4)
    const letIn = find(read(acked), 'mqtt-connect')
    expect(at(letIn, 'event.outcome')).toBe('success')
    expect(at(letIn, 'event.reason')).toBe('accepted, by what followed')
    const shut = session('shut').connack(5).fin('server').fin('client')
    const lost = find(read(shut.segments.filter((_, index) => index !== 4)), 'mqtt-connect')
    expect([at(lost, 'event.outcome'), at(lost, 'event.reason')]).toEqual([
      'unknown',
      'no answer seen',
    ])
  })

  test('after a gap wrong bytes are our own doubt, not a broken protocol', () => {
    const lossy = session('doubt').connack().publish('t', 'a'.repeat(3_000)).publish('t', 'b')
    lossy.bytes('client', Buffer.from([0xf7, 1, 2, 3]))
    const told = read(lossy.segments.filter((_, index) => index !== 7))
    expect(find(told, 'protocol-error')).toBeUndefined()
  })

  test('damage between records is stepped over and told', () => {
    const records = pcapOf(session('d1').connack().close().segments)
    records.splice(4, 0, Buffer.from('this is no record of a capture, but something else'))
    const more = pcapOf(session('d2', { port: 9, timeMs: T + 50 }).connack().segments).slice(1)
    const told = decode([Buffer.concat([...records, ...more])])
    expect(story(told)).toContain('mqtt-connect connected d2')
  })
})
