import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { decoders } from '../../decode/registry.ts'
import { fieldOf } from '../../model/event.ts'
import type { Commit, Journal, JournalBatch } from '../../model/journal.ts'
import type { Source } from '../../model/source.ts'
import { createSource, sourceKinds } from '../../source/registry.ts'
import { freePort } from '../../source/testing/free-port.ts'
import { testDeps } from '../../source/testing/file-world.ts'
import { until } from '../../source/testing/record-sink.ts'
import { Ingest } from '../ingest.ts'
import { createRoutedPreparer } from '../routed.ts'
import { joiningOf, type Multiline, MULTILINE_DEFAULTS } from './joining.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** What a journal holds: it outlives the process that wrote it. */
class Disk {
  readonly batches: JournalBatch[] = []
  readonly memory = new Map<string, string>()

  async append(batch: JournalBatch, { decoderState }: Commit = {}): Promise<number> {
    for (const { key, value } of decoderState?.changes ?? []) {
      if (value === undefined) this.memory.delete(key)
      else this.memory.set(key, value)
    }
    return this.batches.push(batch)
  }

  get reasons(): unknown[] {
    return this.batches.flatMap(({ events = [] }) =>
      events.map(({ doc }) => fieldOf(doc, 'message')),
    )
  }

  get rejects(): number {
    return this.batches.reduce((sum, { deadLetters = [] }) => sum + deadLetters.length, 0)
  }
}

const clock = new ManualClock(1_795_000_000_000)

/** A process: a syslog listener before a decoder. Returns how it dies. */
async function run(disk: Disk, port: number, decoder: string, multiline?: Partial<Multiline>) {
  const metrics = new MetricsRegistry()
  const decoderSpec = decoders[decoder]!
  const given = multiline && { ...MULTILINE_DEFAULTS, ...multiline }
  const preparer = createRoutedPreparer({
    ...{
      source: 'net',
      decoderSpec,
      routes: [],
      plainSpec: decoders['text']!,
      tenant: 't',
      metrics,
    },
    joining: joiningOf(decoderSpec, given, true),
  })
  preparer.restore(disk.memory)
  const journal = { append: disk.append.bind(disk), cursors: () => new Map() } as unknown as Journal
  const pause = async (): Promise<void> => undefined
  const ingest = new Ingest({
    ...{ source: 'net', journal, preparer, clock, log: SILENT, metrics },
    pause,
  })
  const options = sourceKinds.syslog.options.parse({
    listen: `127.0.0.1:${port}`,
    transports: ['tcp'],
  })
  const source: Source = createSource('syslog', options, testDeps('/', clock, metrics))
  undo.push(() => source.stop())
  await source.start(ingest)
  return { ingest, metrics, source }
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  undo.push(() => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

test('stack traces of two connections are whole, though their lines come among each other', async () => {
  const disk = new Disk()
  const port = await freePort()
  const { ingest } = await run(disk, port, 'syslog', { form: 'trace' })
  const [a, b] = [await dial(port), await dial(port)]
  const head = (app: string): string => `<11>Nov 22 06:00:00 gw ${app}[7]: `
  const step = async (socket: Socket, text: string): Promise<void> => {
    const before = disk.batches.length
    socket.write(`${text}\n`)
    await until('journalled', () => disk.batches.length > before)
  }
  await step(a, `${head('x')}failed`)
  await step(b, `${head('x')}failed too`)
  await step(a, `${head('x')}#011at one()`)
  await step(b, `${head('x')}#011at two()`)
  await step(a, `${head('y')}of another program`)
  await step(a, `${head('x')}goes on`)
  expect(disk.reasons).toEqual(['failed\n\tat one()'])
  // Asked again until their time is up, although nothing more was delivered.
  await ingest.settle()
  expect(disk.reasons).toHaveLength(1)
  clock.advance(5_000)
  await ingest.settle()
  expect(disk.reasons.slice(1).map(String).toSorted()).toEqual([
    ...['failed too\n\tat two()', 'goes on', 'of another program'],
  ])
  expect(disk.memory.size).toBe(0)
})

test('what was acknowledged and not yet whole survives a kill', async () => {
  const disk = new Disk()
  const port = await freePort()
  const first = await run(disk, port, 'json')
  const before = await dial(port)
  before.write('{\n  "message": "of the first",\n  "event": {\n')
  await until('journalled', () => disk.memory.size > 0)
  await first.source.stop()

  const second = await run(disk, port, 'json')
  const after = await dial(port)
  after.write('{\n  "message": "of the second"\n}\n')
  await until('told', () => disk.reasons.length === 1)
  clock.advance(5_000)
  await second.ingest.settle()
  clock.advance(5_000)
  await second.ingest.settle()
  // Its connection died with the process, so its end never came: its lines are dead letters, none is lost.
  expect(disk.reasons).toEqual(['of the second'])
  expect(disk.rejects).toBe(3)
  expect(disk.memory.size).toBe(0)
})

test('a source is complete no further than what waits in it', async () => {
  const disk = new Disk()
  const port = await freePort()
  const { ingest } = await run(disk, port, 'syslog', { form: 'trace' })
  const beganMs = clock.now()
  const socket = await dial(port)
  socket.write('<11>Nov 22 06:00:00 gw x[7]: failed\n')
  await until('held', () => disk.memory.size > 0)
  clock.advance(4_000)
  await ingest.settle()
  expect(ingest.tick(clock.now(), 1_000).watermarkMs).toBeLessThanOrEqual(beganMs)
  clock.advance(1_000)
  await ingest.settle()
  expect(disk.reasons).toEqual(['failed'])
  expect(ingest.tick(clock.now(), 0).watermarkMs).toBe(clock.now())
})
