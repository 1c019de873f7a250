import { afterEach, expect, test } from 'vitest'
import type { SourceReport } from '../model/source.ts'
import { makeWorld, serveAs, type World } from './testing/world.ts'

const REPORT: SourceReport = {
  name: 'gateway',
  state: 'connected',
  ...{ deliveries: 2, events: 1, routine: 0, rejects: 1, dropped: 0, lastMs: 1_772_366_400_000 },
  inputs: [
    { receivedMs: 0, text: 'user ada', outcome: 'events', actions: ['user-login'] },
    { receivedMs: 1, text: '?ada', outcome: 'reject', code: 'DECODE_UNKNOWN', message: 'no ada' },
  ],
}
const sources = {
  names: () => ['gateway', 'broker'],
  report: (name: string) => (name === 'gateway' ? REPORT : undefined),
}
const open: World[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function ask(name: string, who: Parameters<typeof serveAs>[1]) {
  const one = await makeWorld({ sources })
  open.push(one)
  const app = serveAs(one, who)
  const answer = await app.inject(`/api/v1/sources/${name}`)
  await app.close()
  return { status: answer.statusCode, body: answer.json() as SourceReport, audit: one.audit }
}

test('a source tells an analyst of its last inputs, and that is recorded', async () => {
  const { status, body, audit } = await ask('gateway', { id: 'u1', roles: ['analyst'] })
  expect(status).toBe(200)
  expect(body).toMatchObject({ events: 1, rejects: 1, last: '2026-03-01T12:00:00.000Z' })
  expect(body.inputs[0]).toMatchObject({ text: 'user ada', actions: ['user-login'] })
  expect(audit).toMatchObject([{ actor: 'u1', action: 'source-read', outcome: 'success' }])
})

test('hides raw text from those who may not see every field, and all from those who see a part', async () => {
  const masked = await ask('gateway', { id: 'u1', roles: ['analyst'], masks: ['user'] })
  expect(JSON.stringify(masked.body)).not.toContain('ada')
  expect(masked.body.inputs[1]).toMatchObject({ outcome: 'reject', code: 'DECODE_UNKNOWN' })
  const visibility = { sites: ['north'] }
  for (const name of ['gateway', 'gatway']) {
    const narrowed = await ask(name, { id: 'u1', roles: ['analyst'], visibility })
    expect([narrowed.status, narrowed.body]).toEqual([
      403,
      expect.objectContaining({ code: 'API_FORBIDDEN' }),
    ])
    expect(JSON.stringify(narrowed.body)).not.toContain('gateway')
  }
})

test('is refused to other roles, and names the nearest of an unknown name', async () => {
  expect((await ask('gateway', { id: 'u1', roles: ['ingest'] })).status).toBe(403)
  const { status, body } = await ask('gatway', { id: 'u1', roles: ['admin'] })
  expect(status).toBe(404)
  expect(body).toMatchObject({ code: 'SOURCE_UNKNOWN', hint: 'did you mean "gateway"?' })
})
