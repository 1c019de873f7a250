import { copyFile, mkdir, readdir, rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../testing/record-sink.ts'
import { PullWorld } from './testing/pull-world.ts'

describe('pull from a folder', () => {
  let world: PullWorld
  const place = { folder: { path: '.', settle: '0s' } }
  const path = (name: string): string => join(world.folder, name)
  const arrived = (count: number): Promise<void> =>
    until(`${count} items, have ${world.sink.items.length}`, () => world.sink.items.length >= count)

  beforeEach(async () => {
    world = await PullWorld.make()
  })
  afterEach(() => world.end())

  test('a file is read once, though renamed, copied back with its time, and after a restart', async () => {
    await writeFile(path('a.log'), 'one\ntwo')
    await world.start(place)
    await arrived(2)
    await rename(path('a.log'), path('b.log'))
    await writeFile(path('c.log'), 'three\n')
    await arrived(3)
    await world.stop()
    // As a backup restores it: another inode, the same name, size and time.
    await copyFile(path('b.log'), path('kept.part'))
    const at = new Date(1_790_000_000_000)
    await utimes(path('c.log'), at, at)
    await world.start(place)
    await arrived(4)
    await copyFile(path('c.log'), path('c.part'))
    await utimes(path('c.part'), at, at)
    await rename(path('c.part'), path('c.log'))
    await writeFile(path('d.log'), 'four\n')
    await arrived(5)
    expect(world.sink.texts).toEqual(['one', 'two', 'three', 'three', 'four'])
  })

  test('gzip of several members, subfolders and the facts of AWS’ layout', async () => {
    const folder = 'AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/22'
    await mkdir(path(folder), { recursive: true })
    const bytes = Buffer.concat([gzipSync('one\ntwo\n'), gzipSync('three\n')])
    await writeFile(path(`${folder}/a.log.gz`), bytes)
    await world.start(place)
    await arrived(3)
    expect(world.sink.texts).toEqual(['one', 'two', 'three'])
    expect(world.sink.items[0]?.facts).toMatchObject({
      account: '123456789012',
      region: 'eu-west-1',
      path: path(`${folder}/a.log.gz`),
    })
  })

  test('a file that grows is not taken before it stands still', async () => {
    // Long beside the pauses below, also where the machine is busy.
    await world.start({ folder: { path: '.', settle: '3s' } })
    for (let turn = 0; turn < 6; turn++) {
      await writeFile(path('a.log'), `line ${turn}\n`, { flag: 'a' })
      await new Promise((wake) => setTimeout(wake, 20))
    }
    await arrived(6)
    expect(world.sink.batches.filter(({ items }) => items.length > 0)).toHaveLength(1)
  })

  test('what was read is moved, or deleted', async () => {
    await writeFile(path('a.log'), 'one\n')
    await world.start({ folder: { ...place.folder, after: 'move', move_to: 'done' } })
    await until('moved', () => world.sink.items.length === 1)
    for (let left = 200; left > 0 && (await readdir(world.folder)).includes('a.log'); left--) {
      await new Promise((wake) => setTimeout(wake, 10))
    }
    expect(await readdir(path('done'))).toEqual(['a.log'])
    await new Promise((wake) => setTimeout(wake, 60))
    expect(world.sink.texts).toEqual(['one'])
  })

  test.each(['delete', 'move'])(
    'what is written to a file while it is read is no victim of %s',
    async (after) => {
      await writeFile(path('a.log'), 'one\n')
      world.sink.hold()
      const folder = { ...place.folder, after, ...(after === 'move' && { move_to: 'done' }) }
      await world.start({ folder })
      await until('under way', () => world.sink.open > 0)
      await writeFile(path('a.log'), 'one\ntwo\n')
      world.sink.release()
      await until('two', () => world.sink.texts.includes('two'))
    },
  )

  test('a truncated, a damaged and a far too large file are dead letters; others go on', async () => {
    const whole = gzipSync(
      Array.from({ length: 5_000 }, (_, n) => `line ${n} ${n * 7919}`).join('\n'),
    )
    await writeFile(path('a.gz'), whole.subarray(0, whole.length / 2))
    await writeFile(path('b.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))
    await writeFile(path('c.gz'), gzipSync(Buffer.alloc(20_000_000, 'x\n')))
    await writeFile(path('d.log'), 'good\n')
    await world.start({ ...place, unpacked_bytes_max: '1MiB' })
    await until('the last one', () => world.sink.texts.includes('good'))
    for (const reason of ['truncated', 'damaged', 'too_large']) expect(world.errors(reason)).toBe(1)
    const letters = world.sink.items.filter(({ key }) => key.endsWith('#end'))
    expect(letters.map(({ unreadable }) => unreadable?.code)).toEqual([
      'DECODE_ENCODING',
      'DECODE_ENCODING',
      'DECODE_TOO_LONG',
    ])
    expect(letters[0]?.unreadable?.detail).toContain(path('a.gz'))
  })

  test('more files than are remembered wait, and are said', async () => {
    for (let n = 10; n < 40; n++) await writeFile(path(`${n}.log`), `line ${n}\n`)
    await world.start({ ...place, objects_remembered_max: 16 })
    await until('said', () => world.errors('remembered_full') > 0)
    expect(world.sink.items).toHaveLength(16)
    expect(world.sink.states.at(-1)?.detail).toContain('more files than are remembered')
  })
})
