import { nearest } from '../../base/nearest.ts'
import { isoToMs } from '../../base/timestamp.ts'
import type { EcsDoc } from '../../model/event.ts'
import { type Asset, assetSchema } from '../../model/asset.ts'
import type { RuleTest, RuleTestEvent, RuleTestSource } from '../../model/rule.ts'
import { parseLookups } from './case-lookups.ts'
import type { CaseMocks } from './case-rules.ts'
import type { Report } from './detection.ts'
import { parseTimespan } from './timespan.ts'
import { childOf, plainOf, textOf, type MapTree, type Tree } from './yaml/yaml-tree.ts'

const START_MS = Date.UTC(2026, 0, 1)
const STEP_MS = 1_000
const EVENTS_MAX = 100_000
/** Keys of an event of a test that are ours; all others are the event. */
const OWN_KEYS = new Set(['at', 'repeat', 'every'])

/**
 * A rule's own cases:
 *
 *     tests:
 *       - name: five failures in a minute fire once
 *         alerts: 1            # or `fires: true | false`
 *         start: 2026-01-01T00:00:00Z
 *         until: 10m           # where the clock stands at the end
 *         events:
 *           - at: 5s           # from the start; else a second after the event before
 *             repeat: 5        # `{n}` in its texts counts from 1
 *             every: 10s
 *             event: {action: mqtt-connect, outcome: failure}
 *         assets:              # what the events are joined to
 *           - {id: cam-1, site: north, identifiers: {client_id: [cam-1]}}
 *         sources: {broker: 5m} # connected; gives something until then, from the start
 *         lookups: {owners: {key: device.id, rows: {cam-1: {iot.owner: video}}}}
 *         lists: {admins: [root]}           # instead of what the files say
 *         exceptions: [{user.name: backup}] # besides the filters of the files
 */
export function parseTests(tree: Tree | undefined, report: Report): ParsedCase[] {
  if (tree === undefined) return []
  const items = tree.kind === 'list' ? tree.items : [tree]
  return items.flatMap((item, index) => {
    if (item.kind === 'map') return [parseTest(item, index, report)]
    report(invalid('A test is a map of name, alerts and events.', item))
    return []
  })
}

/** A case, and what of it changes the rules. */
export interface ParsedCase {
  readonly test: RuleTest
  readonly mocks: CaseMocks | undefined
}

function invalid(message: string, tree: Tree) {
  return { code: 'RULE_INVALID', message, at: tree.place, severity: 'error' } as const
}

const TEST_KEYS = [
  'name',
  'alerts',
  'fires',
  'start',
  'until',
  'events',
  'description',
  'assets',
  'sources',
  'lookups',
  'lists',
  'exceptions',
]

function parseTest(tree: MapTree, index: number, report: Report): ParsedCase {
  for (const entry of tree.entries) {
    if (TEST_KEYS.includes(entry.key)) continue
    const near = nearest(entry.key, TEST_KEYS)
    const meant = near === undefined ? '' : `did you mean "${near}"? `
    const hint = `${meant}a test has ${TEST_KEYS.join(', ')}`
    const message = `"${entry.key}" is no key of a test.`
    report({ ...invalid(message, { ...tree, place: entry.place }), hint })
  }
  const start = childOf(tree, 'start')
  const startMs = start === undefined ? START_MS : isoToMs(textOf(start) ?? '')
  if (startMs === undefined) report(invalid('"start" takes an ISO 8601 time.', start ?? tree))
  const events = parseEvents(tree, startMs ?? START_MS, report)
  const lastMs = events.at(-1)?.timeMs ?? startMs ?? START_MS
  const until = childOf(tree, 'until')
  const untilMs = until === undefined ? 0 : parseTimespan(textOf(until))
  if (untilMs === undefined) report(invalid('"until" takes a time such as 10m.', until ?? tree))
  const fromMs = startMs ?? START_MS
  const endMs = Math.max(lastMs, fromMs + (untilMs ?? 0))
  const test: RuleTest = {
    name: textOf(childOf(tree, 'name')) ?? `test ${index + 1}`,
    ...expected(tree, report),
    ...{ events, startMs: fromMs, endMs },
    sources: parseSources(childOf(tree, 'sources'), { startMs: fromMs, endMs }, report),
    assets: parseAssets(childOf(tree, 'assets'), report),
    lookups: parseLookups(childOf(tree, 'lookups'), report),
    line: tree.place.line,
  }
  const [lists, exceptions] = [childOf(tree, 'lists'), childOf(tree, 'exceptions')]
  const isPlain = lists === undefined && exceptions === undefined
  return { test, mocks: isPlain ? undefined : { lists, exceptions } }
}

const SOURCES_MAX = 20
/** Over all its sources: they tick every few seconds. */
const TICKED_DAYS_MAX = 10

function parseSources(
  tree: Tree | undefined,
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  report: Report,
): RuleTestSource[] {
  if (tree === undefined) return []
  if (tree.kind !== 'map' || tree.entries.length > SOURCES_MAX) {
    const message = `"sources" is a map of at most ${SOURCES_MAX} names, each with a time such as 5m.`
    report(invalid(message, tree))
    return []
  }
  if ((endMs - startMs) * tree.entries.length > TICKED_DAYS_MAX * 86_400_000) {
    const message = `The sources of a test tick for at most ${TICKED_DAYS_MAX} days, all together.`
    report(invalid(message, tree))
    return []
  }
  return tree.entries.flatMap(({ key, value }) => {
    const lastMs = offsetMs(textOf(value) ?? '', startMs)
    if (lastMs !== undefined && lastMs >= startMs && lastMs <= endMs) return [{ name: key, lastMs }]
    const hint = 'say with "until" how long the test goes on'
    const message = 'A source takes the time of its last input, within the test.'
    report({ ...invalid(message, value), hint })
    return []
  })
}

const ASSETS_MAX = 1_000

function parseAssets(tree: Tree | undefined, report: Report): Asset[] {
  if (tree === undefined) return []
  if (tree.kind !== 'list' || tree.items.length > ASSETS_MAX) {
    report(invalid(`"assets" is a list of at most ${ASSETS_MAX} assets.`, tree))
    return []
  }
  const ids = new Set<string>()
  return tree.items.flatMap((item) => {
    const parsed = assetSchema.safeParse(plainOf(item))
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      const field = issue?.path.join('.') ?? ''
      const what = issue?.message ?? 'not an asset'
      report(invalid(`An asset of a test: ${field === '' ? '' : `${field}: `}${what}.`, item))
      return []
    }
    if (ids.has(parsed.data.id)) report(invalid('An asset of a test stands twice.', item))
    ids.add(parsed.data.id)
    return [parsed.data]
  })
}

function expected(tree: MapTree, report: Report): { alerts: number; exact: boolean } {
  const fires = childOf(tree, 'fires')
  const alerts = childOf(tree, 'alerts')
  if (fires?.kind === 'scalar' && typeof fires.value === 'boolean') {
    return { alerts: fires.value ? 1 : 0, exact: !fires.value }
  }
  const count = alerts?.kind === 'scalar' ? alerts.value : undefined
  if (typeof count === 'number' && Number.isInteger(count) && count >= 0) {
    return { alerts: count, exact: true }
  }
  report(invalid('A test says "alerts: N", or "fires: true" or "fires: false".', alerts ?? tree))
  return { alerts: 0, exact: true }
}

function parseEvents(tree: MapTree, startMs: number, report: Report): RuleTestEvent[] {
  const list = childOf(tree, 'events')
  const events: RuleTestEvent[] = []
  let nextMs = startMs
  for (const item of list?.kind === 'list' ? list.items : []) {
    if (item.kind !== 'map') {
      report(invalid('An event of a test is a map of fields.', item))
      continue
    }
    const at = childOf(item, 'at') ?? childOf(item, '@timestamp')
    const atMs = at === undefined ? nextMs : offsetMs(textOf(at) ?? '', startMs)
    if (atMs === undefined) report(invalid('"at" takes a time such as 10s, or ISO 8601.', item))
    const every = childOf(item, 'every')
    const everyMs = every === undefined ? STEP_MS : parseTimespan(textOf(every))
    if (everyMs === undefined) report(invalid('"every" takes a time such as 10s.', item))
    const repeat = Number(textOf(childOf(item, 'repeat')) ?? 1)
    if (!Number.isInteger(repeat) || repeat < 1 || events.length + repeat > EVENTS_MAX) {
      report(
        invalid(`"repeat" takes a whole number; a test has at most ${EVENTS_MAX} events.`, item),
      )
      continue
    }
    const doc = documentOf(item)
    for (let n = 1; n <= repeat; n++) {
      const timeMs = (atMs ?? nextMs) + (n - 1) * (everyMs ?? STEP_MS)
      events.push({ timeMs, doc: filled(doc, n, repeat > 1) as EcsDoc })
      nextMs = timeMs + STEP_MS
    }
  }
  return events.sort((a, b) => a.timeMs - b.timeMs)
}

function offsetMs(text: string, startMs: number): number | undefined {
  const span = text === '0' || /^0+[smhd]$/.test(text) ? 0 : parseTimespan(text)
  return span === undefined ? isoToMs(text) : startMs + span
}

function documentOf(item: MapTree): unknown {
  const fields = item.entries.filter((entry) => !OWN_KEYS.has(entry.key))
  return plainOf({ ...item, entries: fields })
}

/** The document with `{n}` counted up; always a copy of its own. */
function filled(value: unknown, n: number, counts: boolean): unknown {
  if (typeof value === 'string') return counts ? value.replaceAll('{n}', String(n)) : value
  if (Array.isArray(value)) return value.map((item) => filled(item, n, counts))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, filled(inner, n, counts)]),
  )
}
