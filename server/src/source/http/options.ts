import { z } from 'zod'
import { durationOption, listenOption, secretOption, sizeOption } from '../../model/options.ts'
import type { OpenDoor } from '../define.ts'
import { plaintextOption, serverTlsShape } from '../server-tls.ts'

const tokenName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is of a-z, 0-9, - and _')

/** What every source that listens over HTTP takes. */
export function httpListenerOptions(listen: string) {
  return {
    listen: listenOption().prefault(listen).describe('Address of the listener.'),
    tokens: z
      .record(tokenName, secretOption())
      .default({})
      .describe(
        'Tokens of the senders, by a name of your choice. None: whoever reaches the address may ' +
          'send, so it must be one of this machine (127.0.0.1).',
      ),
    api_tokens: z
      .boolean()
      .optional()
      .describe(
        'API tokens with the role `ingest` (`picket token create`): false, they are not taken; true, they are ' +
          'taken and one token or another is demanded. Unless set they are taken where `tokens` names some.',
      ),
    tls: z.strictObject(serverTlsShape).optional().describe('Serve over TLS.'),
    plaintext: plaintextOption(),
    body_bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 256 * 2 ** 20 })
      .prefault('16MiB')
      .describe('Largest body of a request, also after decompression.'),
    pending_bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 4 * 2 ** 30 })
      .prefault('64MiB')
      .describe(
        'Most bytes of all bodies that are read or wait; beyond, senders are told to wait.',
      ),
    connections_max: z
      .int()
      .min(1)
      .max(100_000)
      .default(1_000)
      .describe('Most connections at once; further ones are closed and counted.'),
    request_timeout: durationOption({ minMs: 100, maxMs: 3_600_000 })
      .prefault('30s')
      .describe('How long a request may take to arrive.'),
    text_bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 16 * 2 ** 20 })
      .prefault('1MiB')
      .describe('Longest single event; longer ones are cut and rejected.'),
  }
}

const example = z.strictObject(httpListenerOptions('127.0.0.1:0'))
export type HttpListenerOptions = z.output<typeof example>

/** Where such a source listens without TLS. */
export function httpInTheClear({ listen, tls }: HttpListenerOptions): readonly OpenDoor[] {
  return tls === undefined ? [{ address: listen, option: ['listen'] }] : []
}
