/**
 * A slow attack: six hours, 500 devices, one event a device, among benign events of the same kinds,
 * all shuffled within the lateness, and the detector killed three times on the way. A million benign
 * events with PICKET_BENIGN=1000000.
 */
import { describe, expect, test } from 'vitest'
import { Engine } from '../../src/detect/engine.ts'
import { compileEql } from '../../src/lang/eql/compile.ts'
import type { AlertRecord } from '../../src/model/alert.ts'
import type { SecurityEvent } from '../../src/model/event.ts'
import type { JournalEntry } from '../../src/model/journal.ts'
import type { RuleSet } from '../../src/model/rule.ts'

const BENIGN = Number(process.env['PICKET_BENIGN'] ?? 200_000)
const SEED = Number(process.env['PICKET_SEED'] ?? 20_261_122)
const LATENESS_MS = 60_000
const START_MS = Date.UTC(2026, 10, 20, 4)
const SPAN_MS = 6 * 3_600_000
const DEVICES = 500
/** Events of one journal entry, and entries between two savings of the state. */
const BATCH = 250
const SAVE_EVERY = 40
const OPTIONS = { latenessMs: LATENESS_MS }

const QUERY = `sequence by source.ip with maxspan=6h
  [any where event.action == "mqtt-publish-denied"] with runs=100
  [any where event.action == "mqtt-takeover"] with runs=100
  [any where event.action == "config-change"] with runs=50
  [any where event.action == "firmware-report" and event.outcome == "failure"]`

const STAGES = ['mqtt-publish-denied', 'mqtt-takeover', 'config-change', 'firmware-report'] as const
/** What benign devices do: mostly connect, now and then what the stages look for. */
const EVERYDAY = [...STAGES, ...Array.from({ length: 28 }, () => 'mqtt-connect' as const)]

function stageOf(device: number): (typeof STAGES)[number] {
  if (device < 100) return STAGES[0]
  if (device < 300) return STAGES[1]
  return device < DEVICES - 1 ? STAGES[2] : STAGES[3]
}

/** A small generator of its own (mulberry32), so that a printed seed gives the same run again. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function eventOf(
  id: string,
  time: number,
  what: { readonly action: string; readonly ip: string; readonly device: string },
): SecurityEvent {
  const { action, ip, device } = what
  const outcome = action === 'firmware-report' ? 'failure' : 'success'
  return {
    id,
    time,
    doc: {
      '@timestamp': new Date(time).toISOString(),
      event: { id, action, outcome },
      source: { ip },
      device: { id: device },
    },
  }
}

/** The attack, and its near miss: the same events of another source in the opposite order. */
function attackOf(index: number): SecurityEvent {
  const step = index % DEVICES
  const missed = index >= DEVICES
  const time = START_MS + Math.floor((step * SPAN_MS) / (DEVICES - 1))
  const device = missed ? DEVICES - 1 - step : step
  return eventOf(missed ? `miss-${step}` : `attack-${step}`, time, {
    action: stageOf(device),
    ip: missed ? '203.0.113.8' : '203.0.113.7',
    device: `pump-${device}`,
  })
}

interface Arrivals {
  readonly count: number
  /** The n-th journal entry; the same at every call. */
  readonly entry: (n: number) => JournalEntry
}

function arrivals(): Arrivals {
  const random = randomOf(SEED)
  const hostile = 2 * DEVICES
  const total = hostile + BENIGN
  const times = new Float64Array(total)
  const atMs = new Float64Array(total)
  const picks = new Uint32Array(total)
  for (let index = 0; index < total; index += 1) {
    // Benign life begins before the attack and goes on until the watermark is well past it.
    const benign = START_MS - 300_000 + Math.floor(random() * (SPAN_MS + 900_000))
    times[index] = index < hostile ? attackOf(index).time : benign
    atMs[index] = times[index]! + Math.floor(random() * LATENESS_MS)
    picks[index] = Math.floor(random() * 0xffff_ffff)
  }
  const order = Uint32Array.from({ length: total }, (_, index) => index)
  order.sort((a, b) => atMs[a]! - atMs[b]! || a - b)
  const newest = new Float64Array(total)
  for (let at = 0; at < total; at += 1) {
    newest[at] = Math.max(at === 0 ? 0 : newest[at - 1]!, times[order[at]!]!)
  }
  const benignOf = (index: number): SecurityEvent => {
    const pick = picks[index]!
    const host = pick % 20_000
    return eventOf(`benign-${index}`, times[index]!, {
      action: EVERYDAY[(pick >>> 8) % EVERYDAY.length]!,
      ip: `10.0.${host >> 8}.${host & 255}`,
      device: `pump-${host % DEVICES}`,
    })
  }
  return {
    count: Math.ceil(total / BATCH),
    entry(n) {
      const end = Math.min(total, (n + 1) * BATCH)
      const some = [...order.subarray(n * BATCH, end)]
      const events = some.map((index) => (index < hostile ? attackOf(index) : benignOf(index)))
      const ingestedMs = atMs[order[end - 1]!]!
      const watermarkMs = newest[end - 1]!
      const tick = { source: 's', state: 'connected', watermarkMs, atMs: ingestedMs } as const
      return { offset: n + 1, batch: { source: 's', ingestedMs, events, ticks: [tick] } }
    },
  }
}

function rules(): RuleSet {
  const compiled = compileEql(QUERY, { id: 'slow-attack' })
  if (!compiled.ok) throw new Error(compiled.problem.message)
  const { matches, correlation } = compiled.value
  return {
    hash: 'long attack',
    matches,
    correlations: correlation === undefined ? [] : [correlation],
  }
}

describe('a slow attack', () => {
  test(
    'over six hours and 500 devices is found once, through three kills',
    { timeout: 600_000 },
    () => {
      const { count, entry } = arrivals()
      let engine = new Engine(rules(), OPTIONS)
      let saved = { next: 0, bytes: engine.snapshot() }
      // The third kill comes when the match has just been said, and is not yet final.
      const killsAt = [Math.floor(count / 4), Math.floor(count / 2)]
      let killed = 0
      const said = new Map<string, AlertRecord>()
      for (let next = 0; next < count; next += 1) {
        if (next % SAVE_EVERY === 0) saved = { next, bytes: engine.snapshot() }
        engine.apply(entry(next))
        for (const alert of engine.takeAlerts()) {
          const name = `${alert.id}/${alert.revision}`
          // What is said again after a kill is the same: it would be written once.
          if (said.has(name)) expect(alert).toEqual(said.get(name))
          said.set(name, alert)
        }
        const due = killed < 2 ? next === killsAt[killed]! + 7 : killed === 2 && said.size > 0
        if (!due) continue
        killed += 1
        engine = Engine.restore(saved.bytes, OPTIONS)
        next = saved.next - 1
      }
      expect(killed).toBe(3)
      const stats = engine.stats()
      expect(stats).toMatchObject({ events: BENIGN + 2 * DEVICES, late: 0, evicted: 0, refused: 0 })
      const alerts = [...said.values()]
      expect(new Set(alerts.map(({ id }) => id)).size, `seed ${SEED}`).toBe(1)
      expect(alerts.map(({ state, revision }) => `${revision} ${state}`)).toEqual([
        '1 provisional',
        '2 final',
      ])
      expect(alerts.at(-1)).toMatchObject({
        rule: { id: 'slow-attack' },
        group: { 'source.ip': '203.0.113.7' },
        first: new Date(START_MS).toISOString(),
        last: new Date(START_MS + SPAN_MS).toISOString(),
        count: 1,
        eventsTotal: 251,
        events: Array.from({ length: 100 }, (_, device) => `attack-${device}`),
      })
    },
  )
})
