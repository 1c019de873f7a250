import { readdir } from 'node:fs/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FileWorld } from '../testing/file-world.ts'

/** What can happen to a log and to its reader. */
type Step =
  | { readonly kind: 'write'; readonly lengths: readonly number[] }
  | { readonly kind: 'partial' }
  | { readonly kind: 'rename' }
  | { readonly kind: 'copytruncate' }
  | { readonly kind: 'gzip' }
  | { readonly kind: 'look' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'crash'; readonly after: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      lengths: fc.array(fc.oneof(fc.nat(40), fc.nat(3_000)), { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'partial' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'rename' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'copytruncate' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'gzip' as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'look' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(500, 20_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), after: fc.nat(3) }),
  },
)

/** The writer and an independent record of what it wrote. */
class Writer {
  readonly written: string[] = []
  readonly #world: FileWorld
  #partial = ''
  constructor(world: FileWorld) {
    this.#world = world
  }

  async write(lengths: readonly number[]): Promise<void> {
    for (const length of lengths) {
      const rest = `${this.#partial === '' ? this.#name() : ''}${'.'.repeat(length)}`
      await this.#world.write('app.log', `${rest}\n`)
      this.written.push(this.#partial + rest)
      this.#partial = ''
    }
  }

  async partial(): Promise<void> {
    const more = this.#partial === '' ? this.#name() : '+'
    await this.#world.write('app.log', more)
    this.#partial += more
  }

  /** What stands without line end in a file that is rotated away is a line of its own. */
  rotated(): void {
    if (this.#partial !== '') this.written.push(this.#partial)
    this.#partial = ''
  }

  #name(): string {
    return `line number ${this.written.length} `
  }
}

async function shift(world: FileWorld): Promise<void> {
  const names = await readdir(world.folder)
  for (let number = 20; number >= 1; number--) {
    for (const ending of ['', '.gz']) {
      const name = `app.log.${number}${ending}`
      if (names.includes(name)) await world.rename(name, `app.log.${number + 1}${ending}`)
    }
  }
}

async function take(one: Step, world: FileWorld, writer: Writer): Promise<void> {
  switch (one.kind) {
    case 'write':
      return writer.write(one.lengths)
    case 'partial':
      return writer.partial()
    case 'rename':
      await shift(world)
      await world.rename('app.log', 'app.log.1')
      writer.rotated()
      return world.write('app.log', '')
    case 'copytruncate':
      await shift(world)
      await world.copyTruncate('app.log', 'app.log.1')
      return writer.rotated()
    case 'gzip': {
      const names = await readdir(world.folder)
      const plain = names.filter((name) => /^app\.log\.\d+$/.test(name)).sort()
      if (plain[0] !== undefined) await world.gzip(plain[0])
      return
    }
    case 'look':
      return world.look()
    case 'wait':
      world.clock.advance(one.ms)
      return
    case 'restart':
      return world.restart()
    case 'crash': {
      let left = one.after
      world.sink.onDeliver = () => {
        left -= 1
        if (left < 0) world.sink.failures.push(new Error('crash'))
      }
      const looking = world.follower?.scan()
      await looking
      await new Promise((wake) => setTimeout(wake, 2))
      await world.stop()
      world.sink.onDeliver = () => undefined
      world.sink.failures.length = 0
      return world.start()
    }
  }
}

async function everyLineOnce(steps: readonly Step[], paths: readonly string[]): Promise<void> {
  const world = await FileWorld.make({ paths, batch_bytes_max: '4KiB', line_bytes_max: '8KiB' })
  const writer = new Writer(world)
  try {
    await writer.write([20])
    await world.start()
    for (const one of steps) await take(one, world, writer)
    await writer.write([5])
    for (let turn = 0; turn < 4; turn++) {
      await world.look()
      world.clock.advance(20_000)
    }
    expect(world.sink.texts.toSorted()).toEqual(writer.written.toSorted())
    expect(new Set(world.sink.items.map((item) => item.key)).size).toBe(world.sink.items.length)
  } finally {
    await world.end()
  }
}

const RUNS = Number(process.env['FILE_RUNS'] ?? 60)

test.each([['app.log'], ['app.log*']])(
  'every line once, whatever happens to the files: %s',
  async (pattern) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), (steps) =>
        everyLineOnce(steps, [pattern]),
      ),
      { numRuns: RUNS },
    )
  },
  120_000,
)
