import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../testing/record-sink.ts'
import { fault } from './testing/fake-aws.ts'
import { PullWorld } from './testing/pull-world.ts'

const HOUR_MS = 3_600_000

describe('pull from a bucket', () => {
  let world: PullWorld
  const place = { bucket: { name: 'bucket', prefixes: ['logs/'], look_back: '1h' } }
  const arrived = (count: number): Promise<void> =>
    until(`${count} items, have ${world.sink.items.length}`, () => world.sink.items.length >= count)
  const turns = async (count: number): Promise<void> => {
    const before = world.aws.requests.length
    await until('it looks again', () => world.aws.requests.length >= before + count)
  }

  beforeEach(async () => {
    world = await PullWorld.make()
  })
  afterEach(() => world.end())

  test('an object that appears behind others is found, and none is read twice', async () => {
    const old = Date.now() - 2 * HOUR_MS
    world.aws.put('logs/b', 'b\n', old)
    world.aws.put('logs/c', 'c\n', old)
    world.aws.put('logs/e', 'e\n')
    await world.start(place)
    await arrived(3)
    await turns(3)
    // The listing starts after what is older than the window.
    expect(world.aws.requests.at(-1)).toContain('start-after=logs%2Fc')
    world.aws.put('logs/d', 'd\n')
    await arrived(4)
    await world.stop()
    world.aws.put('logs/cc', 'late\n')
    await world.start(place)
    await arrived(5)
    await turns(3)
    expect(world.sink.texts).toEqual(['b', 'c', 'e', 'd', 'late'])
    expect(world.sink.items[0]?.key).toMatch(/^bucket\/logs\/b@[0-9a-f]{32}#1$/)
  })

  test('the same key with another content is read, the same content is not', async () => {
    world.aws.put('logs/a', 'one\n')
    await world.start(place)
    await arrived(1)
    world.aws.put('logs/a', 'one\n')
    await turns(3)
    world.aws.put('logs/a', 'two\n')
    await arrived(2)
    expect(world.sink.texts).toEqual(['one', 'two'])
  })

  test('more objects than are remembered: each is read once', async () => {
    world.aws.pageMax = 7
    const keys = Array.from({ length: 100 }, (_, n) => `logs/${1_000 + n}`)
    for (const key of keys) world.aws.put(key, `${key}\n`)
    await world.start({ ...place, objects_remembered_max: 16, objects_at_once: 3 })
    await arrived(100)
    await turns(4)
    expect(world.sink.texts.toSorted()).toEqual(keys)
    expect(world.errors('look_back_short')).toBeGreaterThan(0)
  })

  test('prefixes with a time are listed for the window', async () => {
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/')
    world.aws.put(`logs/${day}/a`, 'today\n')
    world.aws.put('logs/2001/01/01/a', 'then\n')
    await world.start({ bucket: { name: 'bucket', prefixes: ['logs/{yyyy}/{MM}/{dd}/'] } })
    await arrived(1)
    await turns(3)
    expect(world.sink.texts).toEqual(['today'])
    expect(world.aws.requests.some((line) => line.includes('2001'))).toBe(false)
  })

  test('odd keys are asked for as they are', async () => {
    const keys = [
      'a b',
      'a+b',
      'a%2Bb',
      'ü/漢字/🜁',
      "q?x=1&y#z!'()*",
      'a//b',
      '&amp;<x>"',
      'x/../y',
    ]
    for (const key of keys) world.aws.put(`logs/${key}`, `${key}\n`)
    await world.start(place)
    await arrived(keys.length)
    const letters = world.sink.items.filter(({ unreadable }) => unreadable !== undefined)
    expect(letters.map(({ unreadable }) => unreadable?.detail)).toEqual([
      expect.stringContaining('s3://bucket/logs/x/../y was not read (unnameable)'),
    ])
    const read = world.sink.items.filter(({ unreadable }) => unreadable === undefined)
    expect(read.map(({ text }) => text).toSorted()).toEqual(keys.slice(0, -1).toSorted())
  })

  test('a busy service, a broken transfer and a wrong length are tried again from the cursor', async () => {
    const lines = Array.from({ length: 2_000 }, (_, n) => `line ${n}`)
    const { body } = world.aws.put('logs/a', lines.join('\n'))
    let turn = 0
    world.aws.twist = (_, response, path) => {
      if (path.includes('list-type')) return false
      turn += 1
      if (turn === 1) fault(response, 503, 'SlowDown')
      else if (turn === 2) {
        response.writeHead(200, { 'content-length': body.length + 500 })
        response.write(body.subarray(0, body.length / 2))
        setTimeout(() => response.destroy(), 50)
      } else if (turn === 3) {
        response.writeHead(200, { 'content-length': body.length + 500 })
        response.end(body.subarray(0, body.length / 3))
        setTimeout(() => response.destroy(), 50)
      } else return false
      return true
    }
    await world.start({ ...place, batch_records_max: 1 })
    await arrived(2_000)
    expect(world.sink.texts).toEqual(lines)
  }, 60_000)

  test('a refused object is a dead letter after so many attempts, others are read', async () => {
    world.aws.put('logs/a', 'never\n')
    world.aws.put('logs/b', 'good\n')
    world.aws.twist = (_, response, path) => {
      if (!path.startsWith('/bucket/logs/a')) return false
      fault(response, 403, 'AccessDenied')
      return true
    }
    await world.start({ ...place, attempts_max: 2 })
    await arrived(2)
    expect(world.sink.texts[0]).toBe('good')
    expect(world.sink.items[1]?.unreadable?.detail).toContain(
      's3://bucket/logs/a was not read (refused)',
    )
    expect(world.errors('refused')).toBe(2)
  })

  test('a bucket elsewhere says where it is, and our wrong clock is corrected', async () => {
    world.aws.put('logs/a', 'one\n')
    world.skewMs = -2 * HOUR_MS
    const seen = new Set<string>()
    world.aws.twist = (request, response) => {
      const { authorization = '', 'x-amz-date': date = '' } = request.headers
      const region = authorization.split('/')[2] ?? ''
      seen.add(region)
      const now = new Date().toISOString().slice(0, 13).replaceAll('-', '')
      if (!String(date).startsWith(now)) fault(response, 403, 'RequestTimeTooSkewed')
      else if (region !== 'us-west-2') {
        response.setHeader('x-amz-bucket-region', 'us-west-2')
        fault(response, 301, 'PermanentRedirect')
      } else return false
      return true
    }
    await world.start(place)
    await arrived(1)
    expect([...seen]).toEqual(['eu-west-1', 'us-west-2'])
  })

  test('a listing with a document type, or of another kind, is refused', async () => {
    const bomb =
      '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ListBucketResult>&b;</ListBucketResult>'
    world.aws.twist = (_, response) => {
      response.end(bomb)
      return true
    }
    await world.start(place)
    await until('refused', () => world.errors('listing') > 0)
    expect(world.sink.states.at(-1)).toEqual({
      state: 'down',
      detail: 'a listing could not be read',
    })
  })

  test('a CloudTrail file is cut into its records', async () => {
    const records = Array.from({ length: 3_000 }, (_, n) => ({
      eventName: `e${n}`,
      text: '"]}{[\\"',
    }))
    const key = 'logs/AWSLogs/o-abcdefghij/123456789012/CloudTrail/eu-west-1/2026/11/22/a.json.gz'
    world.aws.put(key, gzipSync(JSON.stringify({ Records: records, after: { x: [1, { y: 2 }] } })))
    await world.start(place)
    await arrived(3_000)
    expect(world.sink.texts).toEqual(records.map((record) => JSON.stringify(record)))
    expect(world.sink.items[0]?.facts).toMatchObject({
      bucket: 'bucket',
      key,
      account: '123456789012',
    })
  })
})
