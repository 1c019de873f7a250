import { z } from 'zod'
import { listenOption, sizeOption } from '../../model/options.ts'
import type { RawItem } from '../../model/source.ts'
import { DatagramListener } from '../datagrams.ts'
import { defineSource } from '../define.ts'
import { ListenersSource } from '../listeners.ts'
import { plaintextOption } from '../server-tls.ts'

const flowOptions = z.strictObject({
  listen: z
    .array(listenOption())
    .min(1)
    .max(16)
    .prefault(['127.0.0.1:2055', '127.0.0.1:4739'])
    .describe('Addresses that exporters send to; 2055 is usual for NetFlow, 4739 for IPFIX.'),
  plaintext: plaintextOption(),
  udp_queue_max: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Most datagrams of an address that wait; what comes beyond is dropped and counted.'),
  udp_buffer_bytes: sizeOption({ minBytes: 4_096, maxBytes: 256 * 2 ** 20 })
    .prefault('4MiB')
    .describe("Receive buffer asked of the system; the system's own limit may be lower."),
})

/** NetFlow 5 and 9 and IPFIX over UDP: one item a datagram, with the exporter's address as `peer`. */
export const flowSource = defineSource({
  name: 'flow',
  summary:
    'Listens for datagrams of flow exporters (NetFlow, IPFIX) over UDP, one item a datagram.',
  options: flowOptions,
  inTheClear: ({ listen }) => listen.map((address) => ({ address, option: ['listen'] })),
  create: (options, deps) => {
    const { listen, udp_queue_max: queueMax, udp_buffer_bytes: bufferBytes } = options
    return new ListenersSource(deps, (context) =>
      listen.map((address, at) => {
        const own = { listen: address, prefix: `d${at}`, queueMax, bufferBytes, toItem }
        return new DatagramListener(context, own)
      }),
    )
  },
})

/** The octets themselves; the text is for whoever looks at what came in. */
function toItem(
  bytes: Buffer,
  of: Pick<RawItem, 'key' | 'receivedMs' | 'facts'>,
): RawItem | undefined {
  if (bytes.length === 0) return undefined
  return { text: bytes.toString('utf8'), bytes, ...of }
}
