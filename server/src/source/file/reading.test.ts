import { chmod, link, mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import iconv from 'iconv-lite'
import { afterEach, describe, expect, test } from 'vitest'
import { FileWorld } from '../testing/file-world.ts'

let world: FileWorld | undefined
afterEach(async () => {
  await world?.end()
  world = undefined
})

type Given = Parameters<typeof FileWorld.make>[0]

async function made(given: Given = {}): Promise<FileWorld> {
  world = await FileWorld.make(given)
  return world
}

async function started(given: Given = {}): Promise<FileWorld> {
  const w = await made(given)
  await w.start()
  return w
}

const errors = (w: FileWorld, reason: string): number =>
  w.metrics.value('picket_source_errors_total', { source: 'test', reason }) ?? 0

describe('text', () => {
  test.each([
    ['utf-8', Buffer.from('ä€😀\nzwei\r\n')],
    ['utf-8', Buffer.from('\uFEFFä€😀\nzwei\n')],
    ['utf-8', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('ä€😀\nzwei\r\n', 'utf16le')])],
    ['utf-16le', Buffer.from('ä€😀\r\nzwei\n', 'utf16le')],
    ['utf-16be', iconv.encode('ä€😀\r\nzwei\n', 'utf-16be')],
    ['utf-8', iconv.encode('ä€😀\r\nzwei\n', 'utf-16be', { addBOM: true })],
  ])('%s with or without a byte-order mark', async (encoding, bytes) => {
    const w = await started({ encoding })
    for (const byte of bytes) await w.write('app.log', Buffer.from([byte]))
    await w.look()
    expect(w.sink.texts).toEqual(['ä€😀', 'zwei'])
  })

  test('an encoding of one byte a character, and one of several', async () => {
    const w = await started({ encoding: 'windows-1252' })
    await w.write('app.log', iconv.encode('Grüße für 5 €\n', 'windows-1252'))
    await w.look()
    expect(w.sink.texts).toEqual(['Grüße für 5 €'])
    await w.end()
    const v = await started({ encoding: 'shift_jis' })
    await v.write('app.log', iconv.encode('温度センサー\n異常\n', 'shift_jis'))
    await v.look()
    expect(v.sink.texts).toEqual(['温度センサー', '異常'])
  })

  test('a UTF-16 line feed byte within a character ends no line', async () => {
    const w = await started({ encoding: 'utf-16le' })
    await w.write('app.log', Buffer.from('\u0A0Aa\u0A00\u000A\u010Ab\n', 'utf16le'))
    await w.look()
    expect(w.sink.texts).toEqual(['\u0A0Aa\u0A00', '\u010Ab'])
  })

  test('bytes that are not UTF-8 are kept beside the text', async () => {
    const w = await started()
    await w.write('app.log', Buffer.from([0x61, 0xff, 0x62, 0x0a, 0x63, 0x0a]))
    await w.look()
    expect(w.sink.texts).toEqual(['a\uFFFDb', 'c'])
    expect(w.sink.items[0]?.bytes).toEqual(Buffer.from([0x61, 0xff, 0x62]))
    expect(w.sink.items[1]?.bytes).toBeUndefined()
  })

  test('NUL bytes within a line stay, a hole before a line is stepped over', async () => {
    const w = await started()
    await w.write('app.log', 'a\0b\n\0\0c\n')
    await w.write('app.log', Buffer.concat([Buffer.alloc(300_000), Buffer.from('after\n')]))
    await w.look()
    expect(w.sink.texts).toEqual(['a\0b', '\0\0c', 'after'])
    expect(errors(w, 'nul_hole')).toBe(1)
  })

  test('a writer that goes on at its old offset after truncation leaves a hole, not a lost line', async () => {
    const w = await started()
    await w.write('app.log', `${'x'.repeat(5_000)}\n`)
    await w.look()
    await truncate(w.path('app.log'), 0)
    await truncate(w.path('app.log'), 5_001)
    await w.write('app.log', 'after the hole\n')
    await w.look()
    expect(w.sink.texts.slice(1)).toEqual(['after the hole'])
  })
})

describe('lines', () => {
  test.each([1_023, 1_024, 1_025, 5_000, 20_000, 300_000])(
    'a line of %i bytes among others',
    async (length) => {
      const w = await started({ line_bytes_max: '1KiB', batch_bytes_max: '4KiB' })
      await w.write('app.log', `before\n${'x'.repeat(length)}`)
      await w.look()
      await w.write('app.log', `\nafter\n`)
      await w.look()
      expect(w.sink.texts.at(0)).toBe('before')
      expect(w.sink.texts.at(-1)).toBe('after')
      expect(w.sink.items).toHaveLength(3)
      const [, long] = w.sink.items
      expect(long?.text.length).toBe(Math.min(length, 1_024))
      expect(long?.cut?.bytes).toBe(length > 1_024 ? length : undefined)
      expect(long?.key.endsWith(':7')).toBe(true)
    },
  )

  test('an unfinished line is held, and taken as it is after its time', async () => {
    const w = await started({ partial_line_timeout: '5s' })
    await w.write('app.log', 'half')
    await w.look()
    w.clock.advance(4_000)
    await w.look()
    expect(w.sink.texts).toEqual([])
    await w.write('app.log', ' of')
    await w.look()
    w.clock.advance(4_000)
    await w.look()
    expect(w.sink.texts).toEqual([])
    w.clock.advance(2_000)
    await w.look()
    await w.write('app.log', ' it\n')
    await w.look()
    expect(w.sink.texts).toEqual(['half of', ' it'])
  })

  test('batches have a limit of lines and of bytes', async () => {
    const w = await started({ batch_lines_max: 7, batch_bytes_max: '4KiB' })
    await w.write('app.log', 'short\n'.repeat(100))
    await w.look()
    expect(w.sink.batches.every((batch) => batch.items.length <= 7)).toBe(true)
    expect(w.sink.items).toHaveLength(100)
    const before = w.sink.batches.length
    await w.write('app.log', `${'y'.repeat(1_500)}\n`.repeat(10))
    await w.look()
    const sizes = w.sink.batches.slice(before).map((batch) => batch.items.length)
    expect(Math.max(...sizes)).toBe(2)
  })
})

describe('files', () => {
  test('start at the end takes only what comes later, also after a restart in between', async () => {
    const w = await made({ start_at: 'end' })
    await w.write('app.log', 'old\nolder\nunfin')
    await w.start()
    await w.look()
    await w.stop()
    await w.write('app.log', 'ished\nnew\n')
    await w.start()
    await w.look()
    expect(w.sink.texts).toEqual(['unfinished', 'new'])
  })

  test('with nothing there at a start at the end, what appears while stopped is read', async () => {
    const w = await started({ start_at: 'end' })
    await w.stop()
    await w.write('app.log', 'first\n')
    await w.start()
    expect(w.sink.texts).toEqual(['first'])
  })

  test('folders that appear later, links, and a second name of one file', async () => {
    const w = await started({ paths: ['**/*.log'], exclude: ['**/skip*.log'] })
    expect(w.sink.states.at(-1)?.state).toBe('down')
    await mkdir(w.path('deep/er'), { recursive: true })
    await writeFile(w.path('deep/er/a.log'), 'a\n')
    await writeFile(w.path('deep/skip.log'), 'no\n')
    await link(w.path('deep/er/a.log'), w.path('b.log'))
    await symlink(w.path('deep/er/a.log'), w.path('c.log'))
    await symlink(w.folder, w.path('deep/loop'))
    await w.look()
    expect(w.sink.texts).toEqual(['a'])
    expect(w.sink.states.at(-1)?.state).toBe('connected')
  })

  test('a link that is turned to another file is followed there', async () => {
    const w = await made({ paths: ['current.log'] })
    await w.write('one.log', 'in one\n')
    await w.write('two.log', 'in two\n')
    await symlink(w.path('one.log'), w.path('current.log'))
    await w.start()
    await w.remove('current.log')
    await symlink(w.path('two.log'), w.path('current.log'))
    await w.look()
    expect(w.sink.texts).toEqual(['in one', 'in two'])
  })

  test('a compressed file is read once, also one of several members, across restarts', async () => {
    const w = await made({ paths: ['*.gz'] })
    const members = [gzipSync('one\ntwo\n'), gzipSync('three\nfour')]
    await writeFile(w.path('old.gz'), Buffer.concat(members))
    await w.start()
    await w.look()
    expect(w.sink.texts).toEqual(['one', 'two', 'three', 'four'])
    await w.restart()
    await w.look()
    expect(w.sink.items).toHaveLength(4)
  })

  test('a compressed file that is still written is waited for', async () => {
    const w = await made({ paths: ['*.gz'] })
    const text = Array.from({ length: 5_000 }, (_, index) => `line ${index * 7919}\n`).join('')
    const whole = gzipSync(text)
    await writeFile(w.path('a.gz'), whole.subarray(0, 2_000))
    await w.start()
    await w.look()
    await writeFile(w.path('a.gz'), whole)
    await w.look()
    await w.look()
    expect(w.sink.texts.join('\n')).toBe(text.trimEnd())
  })

  test('a damaged compressed file gives what can be read, and is counted', async () => {
    const w = await made({ paths: ['*.gz'] })
    const text = Array.from({ length: 5_000 }, (_, index) => `line ${index * 7919}\n`).join('')
    await writeFile(w.path('a.gz'), gzipSync(text).subarray(0, 8_000))
    await w.start()
    w.clock.advance(120_000)
    await w.look()
    w.clock.advance(1_000)
    await w.look()
    expect(text.startsWith(w.sink.texts.join('\n'))).toBe(true)
    expect(w.sink.items.length).toBeGreaterThan(100)
    expect(errors(w, 'gzip_damaged')).toBe(1)
    expect(w.sink.drops).toEqual([{ reason: 'damaged', count: 1 }])
  })

  test('a file that is deleted is read to its end', async () => {
    const w = await started()
    await w.write('app.log', 'one\n')
    await w.look()
    await w.write('app.log', 'two\nhalf')
    await w.remove('app.log')
    await w.look()
    w.clock.advance(11_000)
    await w.look()
    expect(w.sink.texts).toEqual(['one', 'two', 'half'])
  })

  test('a file replaced by a longer copy of itself goes on', async () => {
    const w = await started()
    const start = 'the same first line of both files, long enough to tell\n'.repeat(6)
    await w.write('app.log', start)
    await w.look()
    await w.write('copy', `${start}added\n`)
    await w.rename('copy', 'app.log')
    await w.look()
    expect(w.sink.texts.slice(6)).toEqual(['added'])
  })

  test('more files than may be open, each rotated while it was closed', async () => {
    const w = await started({ paths: ['*.log'], open_files_max: 2 })
    const names = Array.from({ length: 8 }, (_, index) => `device${index}x.log`)
    for (const name of names) await w.write(name, `first line of ${name}\n`)
    await w.look()
    for (const name of names) {
      await w.write(name, 'second\n')
      await w.rename(name, `${name}.1`)
      await w.write(name, 'third\n')
    }
    await w.look()
    await w.look()
    expect(w.sink.texts.filter((text) => text === 'second')).toHaveLength(8)
    expect(w.sink.texts.filter((text) => text === 'third')).toHaveLength(8)
    expect(w.sink.items).toHaveLength(24)
  })

  test('files over the limit wait and are counted', async () => {
    const w = await made({ paths: ['*.log'], files_max: 2 })
    for (const name of ['a', 'b', 'c']) await w.write(`${name}.log`, `${name}\n`)
    await w.start()
    expect(w.sink.items).toHaveLength(2)
    expect(errors(w, 'files_max')).toBeGreaterThan(0)
    await w.remove('a.log')
    await w.look()
    w.clock.advance(11_000)
    await w.look()
    await w.look()
    expect(w.sink.texts.toSorted()).toEqual(['a', 'b', 'c'])
  })

  test('what is no file is reported; a strange number beside a followed file is left alone', async () => {
    const w = await made({ paths: ['app.log', 'folder'] })
    await mkdir(w.path('folder'))
    await w.write('app-2.log', 'of another program\n')
    await w.write('app.log.bak', 'kept by somebody\n')
    await w.write('app.log', 'mine\n')
    await w.start()
    await w.look()
    expect(w.sink.texts).toEqual(['mine'])
    expect(errors(w, 'not_a_file')).toBeGreaterThan(0)
  })

  test.skipIf(process.getuid?.() === 0)(
    'a file without permission is reported and tried again (not as root)',
    async () => {
      const w = await made()
      await w.write('app.log', 'one\n')
      await chmod(w.path('app.log'), 0)
      await w.start()
      expect(errors(w, 'permission')).toBeGreaterThan(0)
      await chmod(w.path('app.log'), 0o600)
      await w.look()
      expect(w.sink.texts).toEqual(['one'])
    },
  )
})
