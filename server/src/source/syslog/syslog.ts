import { z } from 'zod'
import { durationOption, listenOption, sizeOption } from '../../model/options.ts'
import { defineSource, type OpenDoor } from '../define.ts'
import { DatagramListener, type DatagramOptions } from '../datagrams.ts'
import { type Listener, type ListenerContext, ListenersSource } from '../listeners.ts'
import { plaintextOption, serverTlsShape } from '../server-tls.ts'
import { withoutLineEnd } from './framer.ts'
import { StreamListener, type StreamOptions, toItem } from './stream.ts'

const tlsOptions = z.strictObject({
  listen: listenOption().prefault('127.0.0.1:6514').describe('Address of the TLS listener.'),
  ...serverTlsShape,
})

const relpOptions = z
  .strictObject({
    listen: listenOption().prefault('127.0.0.1:2514').describe('Address of the RELP listener.'),
    ...serverTlsShape,
    cert_file: serverTlsShape.cert_file
      .optional()
      .describe('Certificate chain, PEM: RELP over TLS.'),
    key_file: serverTlsShape.key_file.optional().describe('Private key, PEM.'),
  })
  .refine(
    (relp) => (relp.cert_file === undefined) === (relp.key_file === undefined),
    'cert_file and key_file go together',
  )
  .refine(
    (relp) => relp.client_ca_file === undefined || relp.cert_file !== undefined,
    'client_ca_file needs cert_file and key_file',
  )

const syslogOptions = z.strictObject({
  listen: listenOption()
    .prefault('127.0.0.1:5514')
    .describe('Address that UDP and TCP senders send to.'),
  transports: z
    .array(z.enum(['udp', 'tcp']))
    .max(2)
    .default(['udp', 'tcp'])
    .describe('What is listened for at that address.'),
  tls: tlsOptions.optional().describe('A further listener over TLS (RFC 5425).'),
  relp: relpOptions
    .optional()
    .describe('A further listener for RELP, whose messages are acknowledged once durable.'),
  plaintext: plaintextOption(),
  message_bytes_max: sizeOption({ minBytes: 480, maxBytes: 16 * 2 ** 20 })
    .prefault('64KiB')
    .describe('Longer messages are cut here and rejected, with their true length counted.'),
  connections_max: z
    .int()
    .min(1)
    .max(100_000)
    .default(1_000)
    .describe('Most connections at once; further ones are closed and counted.'),
  idle_timeout: durationOption({ minMs: 1_000, maxMs: 7 * 86_400_000 })
    .prefault('1h')
    .describe('A connection that sends nothing for so long is closed.'),
  udp_queue_max: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Most datagrams that wait; what comes beyond is dropped and counted.'),
  udp_buffer_bytes: sizeOption({ minBytes: 4_096, maxBytes: 256 * 2 ** 20 })
    .prefault('4MiB')
    .describe("Receive buffer asked of the system; the system's own limit may be lower."),
})

export type SyslogOptions = z.output<typeof syslogOptions>

/** RFC 5424 and RFC 3164 messages over UDP (RFC 5426), TCP (RFC 6587), TLS (RFC 5425) and RELP. */
export const syslogSource = defineSource({
  name: 'syslog',
  summary: 'Listens for syslog messages over UDP, TCP, TLS and RELP, one item a message.',
  options: syslogOptions,
  inTheClear,
  create: (options, deps) => new ListenersSource(deps, (context) => listenersOf(options, context)),
})

function inTheClear({ listen, transports, relp }: SyslogOptions): readonly OpenDoor[] {
  const doors: OpenDoor[] = []
  if (transports.length > 0) doors.push({ address: listen, option: ['listen'] })
  if (relp !== undefined && relp.cert_file === undefined) {
    doors.push({ address: relp.listen, option: ['relp', 'listen'] })
  }
  return doors
}

function listenersOf(options: SyslogOptions, shared: ListenerContext): Listener[] {
  const context = { ...shared, options }
  const { transports, listen, tls, relp } = options
  const listeners: Listener[] = []
  const stream = (given: Omit<StreamOptions, 'framing'>, framing: StreamOptions['framing']) =>
    listeners.push(new StreamListener(context, { ...given, framing }))
  if (transports.includes('tcp')) stream({ listen }, 'syslog')
  if (transports.includes('udp')) {
    listeners.push(new DatagramListener(context, udpOptions(options)))
  }
  if (tls !== undefined) stream(tls, 'syslog')
  if (relp !== undefined) stream(relp, 'relp')
  return listeners
}

function udpOptions(options: SyslogOptions): DatagramOptions {
  const max = options.message_bytes_max
  return {
    listen: options.listen,
    queueMax: options.udp_queue_max,
    bufferBytes: options.udp_buffer_bytes,
    prefix: 'u',
    toItem: (bytes, of) => {
      const whole = withoutLineEnd(bytes)
      if (whole.length === 0) return undefined
      const isLong = whole.length > max
      return toItem(
        isLong ? { bytes: whole.subarray(0, max), cutFrom: whole.length } : { bytes: whole },
        of,
      )
    },
  }
}
