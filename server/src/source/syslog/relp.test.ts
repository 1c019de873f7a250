import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { createSource, sourceKinds } from '../registry.ts'
import { describeSource, type SourceWorld } from '../testing/describe-source.ts'
import { freePort } from '../testing/free-port.ts'
import { testDeps } from '../testing/file-world.ts'
import { RecordSink, until } from '../testing/record-sink.ts'
import { RelpFramer } from './relp.ts'

const clock = { now: () => Date.now() }

async function make(metrics: MetricsRegistry, port: number): Promise<Source> {
  const listen = `127.0.0.1:${port}`
  const given = { transports: [], message_bytes_max: '8KiB', relp: { listen } }
  const options = sourceKinds.syslog.options.parse(given)
  return createSource('syslog', options, testDeps('/', clock, metrics))
}

/** A sender that keeps what was not acknowledged and sends it again on its next connection. */
class RelpSender {
  readonly #port: number
  #waiting: string[] = []
  #socket: Socket | undefined
  #isOver = false

  constructor(port: number) {
    this.#port = port
  }

  async send(texts: readonly string[]): Promise<void> {
    this.#waiting.push(...texts)
    if (this.#socket === undefined) this.#connect()
    // Before it is connected they wait: all that waits is sent then.
    else if (!this.#socket.connecting) for (const text of texts) this.#put(text)
  }

  end(): void {
    this.#isOver = true
    this.#socket?.destroy()
  }

  #connect(): void {
    const socket = connect(this.#port, '127.0.0.1')
    this.#socket = socket
    let answers = ''
    socket.on('connect', () => {
      socket.write('1 open 14 relp_version=0\n')
      for (const text of this.#waiting) this.#put(text)
    })
    socket.on('data', (chunk) => {
      answers += chunk.toString()
      for (;;) {
        const [whole] = /^\d+ rsp 6 200 OK\n|^1 rsp \d+ 200 OK\n(?:.*=.*\n)+/.exec(answers) ?? []
        if (whole === undefined) break
        answers = answers.slice(whole.length)
        if (!whole.startsWith('1 ')) this.#waiting.shift()
      }
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#socket = undefined
      setTimeout(() => {
        // A message that came meanwhile may have connected already.
        if (!this.#isOver && this.#socket === undefined) this.#connect()
      }, 20)
    })
  }

  #put(text: string): void {
    this.#socket?.write(`2 syslog ${Buffer.byteLength(text)} ${text}\n`)
  }
}

async function world(): Promise<SourceWorld> {
  const port = await freePort()
  const sender = new RelpSender(port)
  const sources: Source[] = []
  return {
    create: (metrics) => {
      const made = make(metrics, port)
      return {
        start: async (sink) => {
          sources.push(await made)
          return (await made).start(sink)
        },
        stop: async () => (await made).stop(),
      }
    },
    send: (texts) => sender.send(texts),
    replays: true,
    textBytesMax: 8_192,
    deliveriesMax: 1,
    end: async () => sender.end(),
  }
}

describeSource('syslog over RELP', world, () => new MetricsRegistry())

describe('the listener', () => {
  const undo: (() => unknown)[] = []
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  })

  async function begin() {
    const port = await freePort()
    const sink = new RecordSink()
    const metrics = new MetricsRegistry()
    const source = await make(metrics, port)
    undo.push(() => source.stop())
    await source.start(sink)
    const socket = connect(port, '127.0.0.1')
    undo.push(() => socket.destroy())
    await once(socket, 'connect')
    let answers = ''
    socket.on('data', (chunk) => (answers += chunk.toString()))
    socket.on('error', () => undefined)
    const errors = (reason: string): number =>
      metrics.value('picket_source_errors_total', { source: 'test', reason }) ?? 0
    return { sink, socket, errors, answers: () => answers }
  }

  test('answers each message once it is durable, and takes leave', async () => {
    const { sink, socket, answers } = await begin()
    sink.hold()
    socket.write('1 open 14 relp_version=0\n')
    await until('greeted', () => answers().startsWith('1 rsp 58 200 OK\nrelp_version=0'))
    socket.write('2 syslog 5 first\n3 syslog 7 second\n\n4 shout 2 hi\n')
    await until('asked', () => sink.open === 1)
    expect(answers()).not.toContain('2 rsp')
    sink.release()
    await until('told', () => answers().includes('4 rsp'))
    expect(answers()).toContain('2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 19 500 unknown command\n')
    expect(sink.texts).toEqual(['first', 'second'])
    socket.write('5 close 0\n')
    await once(socket, 'end')
    expect(answers()).toMatch(/5 rsp 0\n0 serverclose 0\n$/)
  })

  test.each([
    ['nonsense\n', 'relp_header'],
    ['1 syslog 5\n', 'relp_header'],
    ['1 syslog 99999999999 a', 'relp_header'],
    ['1 syslog 2 abc\n', 'relp_trailer'],
  ])('%j ends the connection, counted as %s', async (text, reason) => {
    const { sink, socket, errors } = await begin()
    socket.write(text)
    await once(socket, 'close')
    expect(errors(reason)).toBe(1)
    expect(sink.items).toEqual([])
  })

  test('a message that is cut off is not taken: it was not acknowledged', async () => {
    const { sink, socket, errors } = await begin()
    socket.end('1 syslog 50 half')
    await until('counted', () => errors('relp_incomplete') === 1)
    expect(sink.items).toEqual([])
  })
})

test('frames cut into any chunks come out whole; any bytes: no throw', () => {
  const data = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(999_999_999), data), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (given, cuts) => {
        const stream = Buffer.concat(
          given.flatMap(([transaction, bytes]) => {
            const head = `${transaction} syslog ${bytes.length}${bytes.length > 0 ? ' ' : ''}`
            return [Buffer.from(head), bytes, Buffer.from('\n')]
          }),
        )
        const framer = new RelpFramer(1_000)
        const seen: string[] = []
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1
          const { frames, fault } = framer.push(stream.subarray(at, at + size))
          expect(fault).toBeUndefined()
          seen.push(...frames.map((one) => one.transaction))
          at += size
        }
        expect(framer.end()).toEqual({})
        expect(seen).toEqual(given.map(([transaction]) => String(transaction)))
      },
    ),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      new RelpFramer(10).push(Buffer.from(bytes))
    }),
  )
})

test('a sender that reads no answers is not read on', async () => {
  const port = await freePort()
  const source = await make(new MetricsRegistry(), port)
  await source.start(new RecordSink())
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  socket.pause()
  // Each asks for an answer of eight times its size: all of them are more than any system keeps for a socket.
  for (let n = 0; n < 1_000; n += 1) socket.write('1 open 0\n'.repeat(2_000))
  let stuck = 0
  for (let left = Number.POSITIVE_INFINITY; socket.writableLength > 0 && stuck < 20;) {
    stuck = socket.writableLength < left ? 0 : stuck + 1
    left = socket.writableLength
    await new Promise((wake) => setTimeout(wake, 50))
  }
  expect(socket.writableLength).toBeGreaterThan(0)
  socket.destroy()
  await source.stop()
})
