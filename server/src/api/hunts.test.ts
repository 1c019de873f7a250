/**
 * Goal: a hunt over the API is of one who may, over what they may see, one at a time, ends when it is
 * told to or nobody listens, and leaves a record of its begin and its end.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { deskHere } from '../hunt/testing/desk-here.ts'
import type { EventSource } from '../hunt/hunt.ts'
import { MASKED } from '../model/access.ts'
import type { StoredEvent } from '../store/search/stream.ts'
import { makeWorld, serveAs, type World } from './testing/world.ts'

const NOON = Date.UTC(2026, 10, 22, 12)
const EVENTS: readonly StoredEvent[] = Array.from({ length: 20 }, (_, at) => ({
  ...{ id: `e${at}`, time: NOON + at * 60_000, ingestedMs: NOON },
  position: { partition: 0, offset: at, index: 0 },
  doc: {
    event: { id: `e${at}`, action: at % 5 === 0 ? 'odd' : 'plain' },
    user: { name: 'lovelace' },
    device: { id: `pump-${at % 3}` },
  },
}))

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

/** Events of the range; after the first of them it waits until it is let go, or called off. */
function slowly(): { readonly events: EventSource; readonly goOn: () => void } {
  let goOn = (): void => undefined
  const let_go = new Promise<void>((resolve) => (goOn = resolve))
  const events: EventSource = async function* ({ fromMs, toMs, onTotal, signal }) {
    const within = EVENTS.filter(({ time }) => time >= fromMs && time < toMs)
    onTotal?.(within.length)
    yield within.slice(0, 1)
    const off = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
    await Promise.race([let_go, off])
    yield within.slice(1)
  }
  return { events, goOn: () => goOn() }
}

const none = async function* () {}

async function world(events: EventSource, how: Parameters<typeof deskHere>[1] = {}) {
  const one = await makeWorld({ hunts: deskHere({ events, rollups: none }, how) })
  worlds.push(one)
  return one
}

const BODY = {
  rules: { eql: 'any where event.action == "odd"' },
  from: new Date(NOON - 60_000).toISOString(),
  to: new Date(NOON + 3_600_000).toISOString(),
}
const url = '/api/v1/hunts'

function linesOf(text: string): Record<string, never>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, never>)
}
const named = (lines: readonly object[], name: string): object[] =>
  lines.flatMap((line) => (name in line ? [line] : []))

async function quick(): Promise<World> {
  const { events, goOn } = slowly()
  goOn()
  return world(events)
}

describe('a hunt over the API', () => {
  test('tells its id, alerts and a summary, and is recorded as it begins and ends', async () => {
    const one = await quick()
    const app = serveAs(one, { id: 'u', roles: ['analyst'] })
    const answer = await app.inject({ method: 'POST', url, payload: BODY })
    expect(answer.headers['content-type']).toContain('application/x-ndjson')
    const lines = linesOf(answer.body)
    expect(lines[0]).toMatchObject({ hunt: { id: expect.any(String) } })
    expect(named(lines, 'alert')).toMatchObject(
      ['e0', 'e5', 'e10', 'e15'].map((id) => ({ alert: { events: [id], state: 'final' } })),
    )
    expect(lines.at(-1)).toMatchObject({
      summary: { alerts: 4, events: 20, context: 'as-of-then', left: [], unknowable: [] },
    })
    const hunt = (lines[0] as unknown as { hunt: { id: string } }).hunt.id
    expect(one.audit.filter(({ action }) => action === 'hunt-run')).toMatchObject([
      { actor: 'u', outcome: 'success', detail: { hunt, from: NOON - 60_000, against: false } },
      { actor: 'u', outcome: 'success', detail: { hunt, ended: true, rows: 4 } },
    ])
    await app.close()
  })

  test('compares proposed rules with others', async () => {
    const one = await quick()
    const app = serveAs(one, { id: 'u', roles: ['analyst'] })
    const against = { eql: 'any where event.action == "plain" and device.id == "pump-0"' }
    const answer = await app.inject({ method: 'POST', url, payload: { ...BODY, against } })
    const lines = linesOf(answer.body)
    const changes = named(lines, 'change') as { change: string }[]
    const counts = { added: 0, gone: 0, same: 0 }
    for (const { change } of changes) counts[change as keyof typeof counts] += 1
    expect(lines.at(-1)).toMatchObject({ summary: counts })
    expect(counts.added + counts.gone + counts.same).toBeGreaterThan(2)
    await app.close()
  })

  test('takes rule files of any language, and tells of those that do not run', async () => {
    const one = await quick()
    const app = serveAs(one, { id: 'u', roles: ['analyst'] })
    const detection = 'detection: { it: { event.action: odd }, condition: it }'
    const good = `title: Odd\nid: odd\nlogsource: { category: x }\n${detection}\n`
    const files = [
      { path: 'rules/odd.yml', text: good },
      { path: 'rules/broken.yml', text: 'title: Broken\nlogsource: {category: x}\ndetection: 1\n' },
    ]
    const rules = { files, pipeline: 'none', ignore_logsource: true }
    const answer = await app.inject({ method: 'POST', url, payload: { ...BODY, rules } })
    const lines = linesOf(answer.body)
    expect(named(lines, 'problems')).toMatchObject([
      { problems: [{ severity: 'error', at: { file: 'rules/broken.yml' } }] },
    ])
    // Alerts, as of deployed rules: hits of one device within five minutes are one.
    expect(named(lines, 'alert')).toMatchObject([
      { alert: { rule: { id: 'odd' } } },
      ...Array.from({ length: named(lines, 'alert').length - 1 }, () => ({})),
    ])
    const broken = { files: files.slice(1) }
    const refused = await app.inject({ method: 'POST', url, payload: { ...BODY, rules: broken } })
    expect(refused.statusCode).toBe(422)
    await app.close()
  })

  test.each([
    [{ rules: {} }],
    [{ rules: { eql: 'any where true', kql: 'a: b' } }],
    [{ rules: { files: [] } }],
    [{ rules: { files: [{ path: 'a.yml', text: 'x' }], pipeline: '/etc/passwd' } }],
    [{ from: BODY.to, to: BODY.from }],
    [{ from: 'yesterday' }],
    [{ as_of: 'later' }],
  ])('refuses %j', async (change) => {
    const one = await quick()
    const app = serveAs(one, { id: 'u', roles: ['analyst'] })
    const answer = await app.inject({ method: 'POST', url, payload: { ...BODY, ...change } })
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_INVALID'])
    await app.close()
  })

  test('says where the query of a rule is wrong', async () => {
    const one = await quick()
    const app = serveAs(one, { id: 'u', roles: ['analyst'] })
    const rules = { eql: 'any where where' }
    const answer = await app.inject({ method: 'POST', url, payload: { ...BODY, rules } })
    expect(answer.statusCode).toBe(422)
    expect(answer.json()).toMatchObject({ code: 'QUERY_SYNTAX' })
    // It was no hunt: the next one may run.
    expect((await app.inject({ method: 'POST', url, payload: BODY })).statusCode).toBe(200)
    await app.close()
  })

  test('tells no more alerts than the limit', async () => {
    const { events, goOn } = slowly()
    goOn()
    const one = await world(events, { alertsMax: 3 })
    const app = serveAs(one, { id: 'u', roles: ['analyst'] })
    const lines = linesOf((await app.inject({ method: 'POST', url, payload: BODY })).body)
    expect(lines.at(-1)).toMatchObject({ problem: { code: 'HUNT_LIMIT' } })
    await app.close()
  })
})

describe('what is hidden', () => {
  test.each([
    ['a field', { eql: 'any where user.name == "lovelace"' }],
    ['a part of it, computed', { eql: 'any where startsWith(user.name, "love")' }],
    ['a copy of it', { eql: 'any where event.original : "*lovelace*"' }],
    ['a word anywhere', { kql: '"lovelace"' }],
    ['a field by pattern', { kql: 'user*: lovelace' }],
    ['a key', { eql: 'sequence by user.name [any where true] [any where true]' }],
  ])('cannot be guessed by a rule: %s', async (_name, rules) => {
    const one = await quick()
    const masked = serveAs(one, { id: 'u', roles: ['analyst'], masks: ['user.name'] })
    const answer = await masked.inject({ method: 'POST', url, payload: { ...BODY, rules } })
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'API_FORBIDDEN'])
    const against = { ...BODY, against: rules }
    const compared = await masked.inject({ method: 'POST', url, payload: against })
    expect(compared.statusCode).toBe(403)
    const seeing = serveAs(one, { id: 'v', roles: ['analyst'] })
    const shown = await seeing.inject({ method: 'POST', url, payload: { ...BODY, rules } })
    expect([shown.statusCode, shown.body.includes('summary')]).toEqual([200, true])
    await Promise.all([masked.close(), seeing.close()])
  })

  test('is masked in the alerts', async () => {
    const one = await quick()
    const app = serveAs(one, { id: 'u', roles: ['analyst'], masks: ['device'] })
    const answer = await app.inject({ method: 'POST', url, payload: BODY })
    expect(answer.body).not.toContain('pump-')
    expect(answer.body).toContain(`"device.id":"${MASKED}"`)
    await app.close()
  })

  test('is not told by the table of assets as it is now', async () => {
    const one = await quick()
    const payload = { ...BODY, as_of: 'now' }
    for (const narrow of [{ visibility: { sites: ['oslo'] } }, { masks: ['user.name'] }]) {
      const app = serveAs(one, { id: 'u', roles: ['analyst'], ...narrow })
      const answer = await app.inject({ method: 'POST', url, payload })
      expect([answer.statusCode, answer.json().code]).toEqual([403, 'API_FORBIDDEN'])
      await app.close()
    }
    const app = serveAs(one, { id: 'u', roles: ['analyst'] })
    expect((await app.inject({ method: 'POST', url, payload })).body).toContain('as-of-now')
    await app.close()
  })
})

describe('hunts that run', () => {
  interface Begun {
    readonly status: number
    readonly id: string
    /** All that comes after. */
    readonly rest: () => Promise<string>
  }

  async function begin(base: string, signal?: AbortSignal): Promise<Begun> {
    const answer = await fetch(base + url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(BODY),
      ...(signal && { signal }),
    })
    const { status } = answer
    if (status !== 200) return { status, id: '', rest: () => answer.text() }
    const decoder = new TextDecoder()
    const reader = answer.body!.getReader()
    const first = decoder.decode((await reader.read()).value)
    const [line] = linesOf(first) as unknown as { hunt: { id: string } }[]
    const rest = async (): Promise<string> => {
      let text = first
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return text
        text += decoder.decode(value, { stream: true })
      }
    }
    return { status, id: line!.hunt.id, rest }
  }

  test('are few, one a person, and end by DELETE of who began them or an admin', async () => {
    const { events } = slowly()
    const one = await world(events)
    const people = ['u', 'v', 'w'].map((id) => serveAs(one, { id, roles: ['analyst'] }))
    const [first = '', second = '', third = ''] = await Promise.all(
      people.map((app) => app.listen({ host: '127.0.0.1', port: 0 })),
    )
    const hunts = [await begin(first), await begin(second)]
    const again = await begin(first)
    expect(JSON.parse(await again.rest())).toMatchObject({ code: 'HUNT_BUSY', status: 429 })
    const full = await begin(third)
    expect(JSON.parse(await full.rest())).toMatchObject({ code: 'HUNT_BUSY', status: 429 })
    const end = async (base: string, id: string): Promise<number> =>
      (await fetch(`${base}${url}/${id}`, { method: 'DELETE' })).status
    expect(await end(second, hunts[0]!.id)).toBe(404)
    expect(await end(first, hunts[0]!.id)).toBe(204)
    expect(linesOf(await hunts[0]!.rest()).at(-1)).toMatchObject({
      problem: { code: 'STORE_CANCELLED' },
    })
    expect(await end(first, hunts[0]!.id)).toBe(404)
    const admin = serveAs(one, { id: 'a', roles: ['admin'] })
    const over = await admin.inject({ method: 'DELETE', url: `${url}/${hunts[1]!.id}` })
    expect(over.statusCode).toBe(204)
    await hunts[1]!.rest()
    // Both are gone: there is room again.
    const after = await begin(third)
    expect(after.status).toBe(200)
    await Promise.all([...people, admin].map((app) => app.close()))
  })

  test('end when nobody listens any more', async () => {
    const { events } = slowly()
    const one = await world(events)
    const app = serveAs(one, { id: 'u', roles: ['analyst'] })
    const base = await app.listen({ host: '127.0.0.1', port: 0 })
    const gone = new AbortController()
    await begin(base, gone.signal)
    gone.abort()
    await expect
      .poll(() => one.audit.filter(({ detail }) => detail?.['ended'] === true).length)
      .toBe(1)
    await expect.poll(async () => (await begin(base)).status).toBe(200)
    await app.close()
  })
})
