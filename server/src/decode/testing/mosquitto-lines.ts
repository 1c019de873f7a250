import fc from 'fast-check'

const id = fc.constantFrom('d1', 'd2', 'lamp [3]', 'Client', '10.0.0.1', 'a b', 'x disconnected.')
const host = fc.constantFrom('10.0.0.1', '10.0.0.2', '172.17.0.1', 'fe80::1', '::ffff:10.0.0.9')
const port = fc.constantFrom(4001, 4002, 4003, 4004)
const user = fc.constantFrom("u'a'", "u'o'x'", '')
const code = fc.constantFrom(0, 4, 5, 135)
const closing = fc.constantFrom(
  ' disconnected.',
  ' closed its connection.',
  ' has exceeded timeout, disconnecting.',
  ' disconnected, not authorised.',
  ' disconnected due to protocol error.',
  ' disconnected: Protocol error.',
  ' been disconnected by administrative action.',
  ' already connected, closing old connection.',
  ' [10.0.0.1:4001] disconnected: session taken over.',
  ' [10.0.0.2:4002] disconnected: not authorised.',
  ' disconnected: connection closed by client.',
)

const message: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(host, port).map(([h, p]) => `New connection from ${h}:${p} on port 1883.`),
  },
  host.map((h) => `New connection from ${h} on port 1883.`),
  {
    weight: 4,
    arbitrary: fc
      .tuple(host, port, id, user)
      .map(
        ([h, p, i, u]) =>
          `New client connected from ${h}:${p} as ${i} (p2, c1, k60${u && `, ${u}`}).`,
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.oneof(id, host), code)
      .map(([w, c]) => `Sending CONNACK to ${w} (0, ${c})`),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.oneof(id, fc.constant('<unknown>')), closing)
      .map(([i, c]) => `Client ${i}${c}`),
  },
  fc.oneof(id, fc.constant('<unknown>')).map((i) => `Socket error on client ${i}, disconnecting.`),
  fc
    .constantFrom(0, 0, 1)
    .map((n) => `OpenSSL Error[${n}]: error:0A000086:SSL routines::certificate verify failed`),
  host.map((h) => `Client connection from ${h} failed: error:0A00009C:SSL routines::http request.`),
  id.map((i) => `Received SUBSCRIBE from ${i}`),
  fc.constantFrom('\ta/# (QoS 1)', '\tsecret/# (denied)'),
  id.map((i) => `${i} 1 a/#`),
  id.map((i) => `Denied PUBLISH from ${i} (d0, q1, r0, m1, 'a/b', ... (5 bytes))`),
  id.map((i) => `dynsec: ${i}/admin | disableClient | username=x`),
  id.map((i) => `Protocol error from ${i}: PUBLISH before session is active.`),
  fc.constantFrom(
    'mosquitto version 2.0.20 starting',
    'mosquitto version 1.6.12 starting',
    'Saving in-memory database to /x.',
    'No will message specified.',
    'Error: Address already in use',
    '',
  ),
)

/** Lines of Mosquitto about few clients, so that they have to do with one another. */
export const mosquittoLines: fc.Arbitrary<string> = fc
  .tuple(fc.integer({ min: 0, max: 400 }), message)
  .map(([seconds, text]) => `${1_795_301_345 + seconds}: ${text}`)

const value = fc.oneof(fc.string({ maxLength: 5 }), fc.double(), fc.constantFrom(null, true))
const key = fc.constantFrom(
  'a',
  'b.c',
  '@timestamp',
  'event',
  'event.action',
  '__proto__',
  'x..y',
  'source.ip',
)

export const jsonLines: fc.Arbitrary<string> = fc.oneof(
  fc
    .dictionary(key, fc.oneof(value, fc.dictionary(key, value)), { maxKeys: 5 })
    .map((made) => JSON.stringify(made)),
  fc.json({ maxDepth: 4 }),
)
