import { z } from 'zod'
import { listenOption, sizeOption } from '../../model/options.ts'
import type { RawItem, Source, SourceSink } from '../../model/source.ts'
import { DatagramListener } from '../datagrams.ts'
import { defineSource, sourceCounters, type SourceDeps } from '../define.ts'
import { Delivering, waitForEnd } from '../delivering.ts'
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

export type FlowOptions = z.output<typeof flowOptions>

/** NetFlow 5 and 9 and IPFIX over UDP: one item a datagram, with the exporter's address as `peer`. */
export const flowSource = defineSource({
  name: 'flow',
  summary:
    'Listens for datagrams of flow exporters (NetFlow, IPFIX) over UDP, one item a datagram.',
  options: flowOptions,
  inTheClear: ({ listen }) => listen.map((address) => ({ address, option: ['listen'] })),
  create: (options, deps) => new FlowSource(options, deps),
})

class FlowSource implements Source {
  readonly #options: FlowOptions
  readonly #deps: SourceDeps
  #listeners: DatagramListener[] = []
  #delivering: Delivering | undefined
  #isStopped = false

  constructor(options: FlowOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Rejects with ProblemError SOURCE_LISTEN where an address cannot be had. */
  async start(sink: SourceSink): Promise<void> {
    if (this.#isStopped || this.#delivering !== undefined) return
    const deps = this.#deps
    const counters = sourceCounters(deps.metrics, deps.name)
    const delivering = new Delivering(sink, deps, counters)
    delivering.onTrouble = (detail) =>
      sink.status(detail === undefined ? 'connected' : 'paused', detail)
    this.#delivering = delivering
    const { listen, udp_queue_max: queueMax, udp_buffer_bytes: bufferBytes } = this.#options
    const context = { deps, counters, sink, delivering }
    this.#listeners = listen.map((address, at) => {
      const own = { listen: address, prefix: `d${at}`, queueMax, bufferBytes, toItem }
      return new DatagramListener(context, own)
    })
    try {
      for (const listener of this.#listeners) await listener.open()
    } catch (error) {
      await this.stop()
      throw error
    }
    sink.status('connected')
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#delivering?.stop()
    const listeners = this.#listeners.splice(0)
    await waitForEnd(Promise.all(listeners.map((listener) => listener.close())))
  }
}

/** The octets themselves; the text is for whoever looks at what came in. */
function toItem(
  bytes: Buffer,
  of: Pick<RawItem, 'key' | 'receivedMs' | 'facts'>,
): RawItem | undefined {
  if (bytes.length === 0) return undefined
  return { text: bytes.toString('utf8'), bytes, ...of }
}
