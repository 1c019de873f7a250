import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../testing/record-sink.ts'
import { fault, s3Record } from './testing/fake-aws.ts'
import { PullWorld } from './testing/pull-world.ts'

describe('pull from a queue', () => {
  let world: PullWorld
  const emptied = (): Promise<void> => until('emptied', () => world.aws.queue.length === 0)

  beforeEach(async () => {
    world = await PullWorld.make()
  })
  afterEach(() => world.end())

  test('every form of notification is understood; tests and removals are only deleted', async () => {
    const put = (key: string): string => world.aws.put(key, `${key}\n`).etag
    const plain = put('a +ü.log')
    world.aws.tell(
      JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'bucket' }),
    )
    world.aws.tell(
      JSON.stringify({
        Records: [s3Record('a +ü.log', plain), s3Record('x', 'y', 'ObjectRemoved:Delete')],
      }),
    )
    const Message = JSON.stringify({ Records: [s3Record('sns', put('sns'))] })
    world.aws.tell(JSON.stringify({ Type: 'Notification', Message }))
    const detail = {
      bucket: { name: 'bucket' },
      object: { key: 'bridge + %41', etag: put('bridge + %41') },
    }
    world.aws.tell(JSON.stringify({ source: 'aws.s3', 'detail-type': 'Object Created', detail }))
    put('trail')
    const trail = JSON.stringify({ s3Bucket: 'bucket', s3ObjectKey: ['trail'] })
    world.aws.tell(JSON.stringify({ Type: 'Notification', Message: trail }))
    await world.start(world.queue)
    await emptied()
    expect(world.sink.texts).toEqual(['a +ü.log', 'sns', 'bridge + %41', 'trail'])
    expect(world.sink.drops).toEqual([{ reason: 'not_created', count: 1 }])
  })

  test('a message is deleted only when its objects are durable, and kept ours until then', async () => {
    world.sink.hold()
    world.aws.notify('a', 'one\n')
    await world.start(world.queue)
    await until('under way', () => world.sink.open > 0)
    await until('extended', () => world.aws.hidden.length > 0)
    expect(world.aws.deleted).toEqual([])
    world.sink.release()
    await emptied()
    expect(world.sink.texts).toEqual(['one'])
  }, 60_000)

  test('our wrong clock is corrected where only the message of a refusal tells of it', async () => {
    world.aws.notify('a', 'one\n')
    world.skewMs = -7_200_000
    world.aws.twist = (request, response) => {
      const now = new Date().toISOString().slice(0, 13).replaceAll('-', '')
      if (String(request.headers['x-amz-date']).startsWith(now)) return false
      response.writeHead(403, { date: new Date().toUTCString() })
      const __type = 'com.amazon.coral.service#InvalidSignatureException'
      response.end(JSON.stringify({ __type, message: 'Signature expired: is now earlier than' }))
      return true
    }
    await world.start(world.queue)
    await emptied()
    expect(world.sink.texts).toEqual(['one'])
  })

  test('a message that comes again is only deleted', async () => {
    world.aws.notify('a', 'one\n')
    const again = world.aws.queue[0]!.body
    await world.start(world.queue)
    await emptied()
    world.aws.tell(again)
    world.aws.tell(again)
    await emptied()
    await world.stop()
    world.aws.tell(again)
    await world.start(world.queue)
    await emptied()
    expect(world.sink.texts).toEqual(['one'])
  })

  test('what names no object, or one that is gone or refused, becomes a dead letter and ends', async () => {
    world.aws.tell('no notification')
    world.aws.tell(JSON.stringify({ Records: [s3Record('gone', 'e1')] }))
    world.aws.notify('refused', 'never\n')
    world.aws.queue.at(-1)!.receives = 4
    world.aws.notify('good', 'good\n')
    world.aws.twist = (_, response, path) => {
      if (path !== '/bucket/refused') return false
      fault(response, 403, 'AccessDenied')
      return true
    }
    await world.start(world.queue)
    await emptied()
    const details = world.sink.items.map(({ unreadable, text }) => unreadable?.detail ?? text)
    expect(details.toSorted()).toEqual([
      'good',
      expect.stringContaining('message m0: no notification was not read (format)'),
      expect.stringContaining('s3://bucket/gone was not read (gone)'),
      expect.stringContaining('s3://bucket/refused was not read (refused)'),
    ])
    for (const reason of ['format', 'gone', 'refused']) expect(world.errors(reason)).toBe(1)
  })

  test('a refused object that may still be allowed goes back to the queue for a while', async () => {
    world.aws.notify('a', 'one\n')
    world.aws.twist = (_, response, path) => {
      if (path !== '/bucket/a') return false
      fault(response, 403, 'AccessDenied')
      return true
    }
    await world.start(world.queue)
    await until('given back', () => world.aws.hidden.length > 0)
    expect(world.aws.hidden).toEqual([{ id: 'm0', seconds: 1 }])
    expect(world.sink.items).toEqual([])
    world.aws.twist = () => false
    await emptied()
    expect(world.sink.texts).toEqual(['one'])
  })
})
