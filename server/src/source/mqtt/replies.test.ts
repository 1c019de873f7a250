import { expect, test } from 'vitest'
import { ReportReplies } from './replies.ts'

const report = (id: number): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({ header: { report_id: id, version: '1.0' }, metrics: {} }),
  )
const topicOf = (thing: string): string => `$aws/things/${thing}/defender/metrics/json`

function asked(replies: ReportReplies, thing: string, receivedMs: number, isKnown = false): string {
  const message = { topic: topicOf(thing), payload: report(receivedMs), receivedMs, isKnown }
  const reply = replies.replyTo(message)
  expect(reply?.topic).toBe(
    `${topicOf(thing)}/${reply?.accepted === true ? 'accepted' : 'rejected'}`,
  )
  const answer = JSON.parse(new TextDecoder().decode(reply?.payload)) as {
    status: string
    statusDetails?: { ErrorCode: string }
  }
  return answer.statusDetails?.ErrorCode ?? answer.status
}

test('a thing that reports too soon is told so; another is not', () => {
  const replies = new ReportReplies(290_000)
  expect(asked(replies, 'a', 1_000_000)).toBe('ACCEPTED')
  expect(asked(replies, 'a', 1_289_999)).toBe('Throttled')
  expect(asked(replies, 'b', 1_289_999)).toBe('ACCEPTED')
  expect(asked(replies, 'a', 1_290_000)).toBe('ACCEPTED')
})

test('a refused report does not count, nor one that comes again', () => {
  const replies = new ReportReplies(290_000)
  const wrong = { topic: topicOf('a'), payload: Uint8Array.of(0x7b), receivedMs: 1, isKnown: false }
  expect(replies.replyTo(wrong)?.accepted).toBe(false)
  expect(asked(replies, 'a', 2)).toBe('ACCEPTED')
  expect(asked(replies, 'a', 3, true)).toBe('ACCEPTED')
})

test('a clock that is set back throttles nobody for long; 0 never does', () => {
  const replies = new ReportReplies(290_000)
  expect(asked(replies, 'a', 10_000_000)).toBe('ACCEPTED')
  expect(asked(replies, 'a', 10_000_000 - 3_600_000)).toBe('ACCEPTED')
  const all = new ReportReplies(0)
  expect(asked(all, 'a', 5)).toBe('ACCEPTED')
  expect(asked(all, 'a', 5)).toBe('ACCEPTED')
})

test('so many things are remembered at least, twice as many at most', () => {
  const replies = new ReportReplies(1_000_000, 50)
  for (let thing = 0; thing < 120; thing += 1)
    expect(asked(replies, `t${thing}`, 1)).toBe('ACCEPTED')
  expect(asked(replies, 't119', 2)).toBe('Throttled')
  expect(asked(replies, 't70', 2)).toBe('Throttled')
  expect(asked(replies, 't0', 2)).toBe('ACCEPTED')
})

test('other topics get no answer', () => {
  const replies = new ReportReplies(0)
  for (const topic of ['fleet/a', `${topicOf('a')}/accepted`]) {
    expect(
      replies.replyTo({ topic, payload: report(1), receivedMs: 1, isKnown: false }),
    ).toBeUndefined()
  }
})
