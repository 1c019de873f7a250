import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { ProblemError } from '../base/problems.ts'
import type { ListenAddress } from '../model/options.ts'
import type { RawItem } from '../model/source.ts'
import { cannotListen } from './listen.ts'
import type { Listener, ListenerContext } from './listeners.ts'

const BATCH_MAX = 2_000
const QUEUE_BYTES_MAX = 64 * 2 ** 20
const KERNEL_LOOK_MS = 5_000

export interface DatagramOptions {
  readonly listen: ListenAddress
  /** Most datagrams that wait. */
  readonly queueMax: number
  /** Most bytes that wait; fewer than 64 MiB only in tests. */
  readonly queueBytesMax?: number
  /** Receive buffer asked of the system. */
  readonly bufferBytes: number
  /** Begins the keys; different for each socket of a source. */
  readonly prefix: string
  /** A datagram as an item; undefined where there is nothing in it. */
  toItem(
    bytes: Buffer,
    of: Pick<RawItem, 'key' | 'receivedMs' | 'facts' | 'stream'>,
  ): RawItem | undefined
}

/**
 * A UDP socket. It cannot be pushed back: datagrams wait in a queue of limited length while a batch is
 * made durable, and what finds it full is counted (`udp_queue_full`). So is what the kernel dropped,
 * where it tells (`udp_kernel`, Linux). Items have the facts `peer` and `transport`.
 */
export class DatagramListener implements Listener {
  readonly #context: ListenerContext
  readonly #options: DatagramOptions
  #socket: Socket | undefined
  #queue: { readonly item: RawItem; readonly bytes: number }[] = []
  #queuedBytes = 0
  #draining: Promise<void> | undefined
  #kernelTimer: NodeJS.Timeout | undefined
  #kernelDrops = 0
  #received = 0
  #prefix = ''

  constructor(context: ListenerContext, options: DatagramOptions) {
    this.#context = context
    this.#options = options
  }

  /** Rejects with ProblemError SOURCE_LISTEN where the address cannot be had. */
  async open(): Promise<void> {
    const { listen: address, bufferBytes, prefix } = this.#options
    const socket = createSocket({
      type: address.host.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: bufferBytes,
    })
    this.#socket = socket
    this.#prefix = `${this.#context.deps.clock.now().toString(36)}.${prefix}`
    socket.on('message', (bytes, peer) => this.#take(bytes, peer))
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => reject(new ProblemError(cannotListen(address, error)))
      socket.once('error', failed)
      socket.bind(address.port, address.host, () => {
        socket.off('error', failed)
        socket.on('error', () => this.#context.counters.failed('socket'))
        resolve()
      })
    })
    this.#kernelTimer = setInterval(() => void this.#countKernelDrops(), KERNEL_LOOK_MS)
    this.#kernelTimer.unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#kernelTimer)
    await this.#countKernelDrops()
    const socket = this.#socket
    this.#socket = undefined
    if (socket !== undefined) await new Promise<void>((done) => socket.close(() => done()))
    await this.#draining
  }

  #take(bytes: Buffer, peer: RemoteInfo): void {
    const { sink, deps } = this.#context
    const isFull = this.#queue.length >= this.#options.queueMax
    const { queueBytesMax = QUEUE_BYTES_MAX } = this.#options
    if (isFull || this.#queuedBytes + bytes.length > queueBytesMax) {
      sink.dropped('udp_queue_full', 1)
      return
    }
    const key = `${this.#prefix}.${this.#received + 1}`
    const facts = { peer: peer.address.replace(/^::ffff:/, ''), transport: 'udp' }
    const item = this.#options.toItem(bytes, {
      key,
      receivedMs: deps.clock.now(),
      facts,
      stream: facts.peer,
    })
    if (item === undefined) return
    this.#received += 1
    this.#queue.push({ item, bytes: bytes.length })
    this.#queuedBytes += bytes.length
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
    })
  }

  async #drain(): Promise<void> {
    // What arrives in the same turn of the event loop goes in one batch.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) {
      const taken = this.#queue.splice(0, BATCH_MAX)
      let bytes = 0
      for (const entry of taken) bytes += entry.bytes
      this.#queuedBytes -= bytes
      const items = taken.map(({ item }) => item)
      const isDurable = await this.#context.delivering.deliver({ items }, bytes)
      if (!isDurable) {
        this.#context.sink.dropped('stopped', items.length + this.#queue.length)
        this.#queue = []
        this.#queuedBytes = 0
        return
      }
    }
  }

  /** Linux counts what a socket's full buffer dropped in the last column of /proc/net/udp. */
  async #countKernelDrops(): Promise<void> {
    const port = this.#socket?.address().port
    if (port === undefined) return
    const drops = await kernelDrops(port)
    if (drops === undefined) return
    if (drops > this.#kernelDrops)
      this.#context.sink.dropped('udp_kernel', drops - this.#kernelDrops)
    this.#kernelDrops = Math.max(drops, this.#kernelDrops)
  }
}

/** Datagrams dropped at sockets bound to this port; undefined where the system does not tell. */
export async function kernelDrops(port: number): Promise<number | undefined> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  let sum: number | undefined
  for (const table of ['/proc/net/udp', '/proc/net/udp6']) {
    const text = await readFile(table, 'utf8').catch(() => '')
    for (const line of text.split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/)
      if (columns[1]?.endsWith(`:${hex}`) !== true) continue
      const drops = Number(columns.at(-1))
      if (Number.isInteger(drops)) sum = (sum ?? 0) + drops
    }
  }
  return sum
}
