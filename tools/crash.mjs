// Kills the real server with SIGKILL at random moments while several files are written to, then holds
// what it stored against an independent record of what was written: every event exactly once, and the
// same alerts as an offline run over the same files, none lost, none doubled.
//
//   node tools/crash.mjs [--kills 25] [--seed N] [--keep]
import { spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const PICKET = join(ROOT, 'server', 'bin', 'picket.mjs')
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '25' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    keep: { type: 'boolean', default: false },
  },
})
const KILLS = Number(values.kills)
const random = mulberry32(Number(values.seed))
const say = (text) => process.stdout.write(`crash: ${text}\n`)

/** A small seeded generator (Tommy Ettinger's mulberry32, public domain algorithm). */
function mulberry32(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
const between = (low, high) => low + Math.floor(random() * (high - low + 1))

const folder = mkdtempSync(join(tmpdir(), 'picket-crash-'))
const logs = join(folder, 'logs')
const data = join(folder, 'data')
const configFile = join(folder, 'picket.yml')
mkdirSync(logs)
writeFileSync(
  configFile,
  `data: ${data}
detection: { snapshot_interval: 500ms, lateness: 10s, tick_interval: 500ms }
journal: { trim_interval: 300ms }
api: { listen: 127.0.0.1:0 }
outputs: { terminal: false, json_lines: { path: ${join(folder, 'alerts.jsonl')} } }
sources:
  fleet: { type: file, decoder: json, paths: ['${logs}/fleet-*.log*'], poll_interval: 50ms }
  broker: { type: file, decoder: mosquitto, paths: ['${logs}/broker.log*'], poll_interval: 50ms }
`,
)

/** The independent record. */
const written = new Map()
let sequence = 0
const rotated = new Map()

function writeFleet(file) {
  const lines = []
  for (let left = between(1, 40); left > 0; left -= 1) {
    sequence += 1
    const id = `f-${sequence}`
    const at = new Date().toISOString()
    lines.push(
      JSON.stringify({
        '@timestamp': at,
        event: { action: 'mqtt-publish-denied', category: ['network'], outcome: 'failure' },
        iot: { mqtt: { client_id: `dev-${between(1, 400)}`, topic: `t/${between(1, 9)}` } },
        source: { ip: `10.0.${between(0, 9)}.${between(1, 250)}` },
        labels: { sequence: id },
      }),
    )
    written.set(id, file)
  }
  appendFileSync(join(logs, file), `${lines.join('\n')}\n`)
  if (random() < 0.01) rotate(file)
}

function rotate(file) {
  const count = (rotated.get(file) ?? 0) + 1
  rotated.set(file, count)
  renameSync(join(logs, file), join(logs, `${file}.${count}`))
}

let attacks = 0
/** Refused connections of one address in a row: each run is one brute force. */
function writeAttack() {
  attacks += 1
  const ip = `203.0.113.${(attacks % 250) + 1}`
  const lines = []
  for (let left = between(12, 25); left > 0; left -= 1) {
    sequence += 1
    const id = `b-${sequence}`
    const at = Math.floor(Date.now() / 1_000)
    const port = 20_000 + (sequence % 40_000)
    lines.push(
      `${at}: New connection from ${ip}:${port} on port 1883.`,
      `${at}: Sending CONNACK to ${id} (0, 5)`,
      `${at}: Client ${id} disconnected, not authorised.`,
    )
    written.set(id, 'broker.log')
  }
  // In two halves, so that a kill can fall between the lines of one join.
  const cut = between(1, lines.length - 1)
  appendFileSync(join(logs, 'broker.log'), `${lines.slice(0, cut).join('\n')}\n`)
  return () => appendFileSync(join(logs, 'broker.log'), `${lines.slice(cut).join('\n')}\n`)
}

let server
let output = ''
function start() {
  server = spawn(process.execPath, [PICKET, 'serve', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const keep = (chunk) => {
    output = (output + chunk).slice(-20_000)
  }
  server.stdout.on('data', keep)
  server.stderr.on('data', keep)
  server.on('exit', (code, signal) => {
    if (signal !== 'SIGKILL' && !stopping) fail(`the server ended by itself: ${code ?? signal}`)
  })
}

let stopping = false
function fail(why) {
  say(`FAILED (seed ${values.seed}): ${why}`)
  process.stdout.write(`${output.slice(-4_000)}\n`)
  say(`files: ${folder}`)
  server?.kill('SIGKILL')
  process.exit(1)
}

function picket(...args) {
  const done = spawnSync(process.execPath, [PICKET, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })
  if (done.status !== 0)
    fail(`picket ${args.join(' ')}: exit ${done.status}: ${done.stderr.slice(-2_000)}`)
  return done.stdout
}

const jsonLines = (text) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

say(`${KILLS} kills, seed ${values.seed}, files in ${folder}`)
let writing = true
const writer = (async () => {
  const files = ['fleet-a.log', 'fleet-b.log', 'fleet-c.log']
  let second
  while (writing) {
    writeFleet(files[between(0, files.length - 1)])
    if (second !== undefined) {
      second()
      second = undefined
    } else if (random() < 0.02) second = writeAttack()
    await sleep(between(1, 20))
  }
  second?.()
})()

start()
for (let kill = 1; kill <= KILLS; kill += 1) {
  // Some fall into the start, some into the replay, most into full work.
  await sleep(random() < 0.3 ? between(50, 900) : between(900, 4_000))
  const died = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGKILL')
  await died
  start()
  if (kill % 5 === 0) say(`${kill} kills, ${written.size} events written`)
}
await sleep(1_500)
writing = false
await writer
await waitUntilRead()
await compareAlerts()
stopping = true
const stopped = new Promise((resolve) => server.once('exit', resolve))
server.kill('SIGTERM')
const code = await stopped
if (code !== 0) fail(`a clean stop ended with ${code}`)
await compareEvents()
if (!values.keep) rmSync(folder, { recursive: true })
say(
  `ok: ${KILLS} kills, ${written.size} events each stored once, ${attacks} attacks each alerted once`,
)

/** Waits until the store has as many events as were written; more is a doubled one. */
async function waitUntilRead() {
  let count = 0
  for (let tries = 0; tries < 120; tries += 1) {
    await sleep(1_000)
    const args = ['search', 'counts', '--set', 'step=24h', '--from', '30d', '--data', data]
    const done = spawnSync(process.execPath, [PICKET, ...args, '--format', 'json'], {
      encoding: 'utf8',
    })
    if (done.status !== 0) continue
    count = jsonLines(done.stdout).reduce((sum, row) => sum + row.events, 0)
    if (count >= written.size) return
  }
  fail(`after two minutes ${count} of ${written.size} events are stored`)
}

/** Reads every row of the stopped server's store with the product's own engine. */
async function compareEvents() {
  const dist = join(ROOT, 'server', 'dist')
  const { startStoreEngine } = await import(join(dist, 'store/engine/engine.js'))
  const { createSearch } = await import(join(dist, 'store/search/search.js'))
  const { MetricsRegistry } = await import(join(dist, 'base/metrics.js'))
  const { SILENT } = await import(join(dist, 'base/log.js'))
  const dataDir = join(data, 'store')
  const started = startStoreEngine({ dataDir, log: SILENT, metrics: new MetricsRegistry() })
  await started.value.whenReady()
  const seen = new Map()
  let others = 0
  const range = { fromMs: Date.now() - 30 * 86_400_000, toMs: Date.now() + 86_400_000 }
  for await (const events of createSearch(started.value).streamEvents(range)) {
    for (const { doc } of events) {
      const id = doc.labels?.sequence ?? doc.iot?.mqtt?.client_id
      if (!written.has(id)) others += 1
      else seen.set(id, (seen.get(id) ?? 0) + 1)
    }
  }
  await started.value.stop()
  const missing = [...written.keys()].filter((id) => !seen.has(id))
  const doubled = [...seen].filter(([, count]) => count > 1).map(([id]) => id)
  if (missing.length + doubled.length + others > 0) {
    const few = (ids) => ids.slice(0, 5).join(' ')
    fail(
      `${missing.length} lost (${few(missing)}), ${doubled.length} doubled (${few(doubled)}), ` +
        `${others} unknown`,
    )
  }
}

function allAlerts() {
  const all = []
  let page = []
  for (;;) {
    const args = ['alert', 'list', '--data', data, '--json', '--limit', '500', ...page]
    const done = spawnSync(process.execPath, [PICKET, ...args], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    })
    if (done.status !== 0) fail(`alert list: ${done.stderr}`)
    all.push(...jsonLines(done.stdout))
    const more = /--cursor (\S+)/.exec(done.stderr)
    if (more === null) return all
    page = ['--cursor', more[1]]
  }
}

/**
 * Counts of alerts are told ten seconds of event time after they were told last, at the latest, and
 * event time is held back by the lateness: so the comparison is made until it holds, for a minute.
 */
async function compareAlerts() {
  const key = (alert) =>
    `${alert.rule.id} ${JSON.stringify(alert.group)} ${alert.first} ${alert.last} ${alert.count}`
  const brokerFiles = [
    'broker.log',
    ...Array.from({ length: rotated.get('broker.log') ?? 0 }, (_, n) => `broker.log.${n + 1}`),
  ]
  const offline = []
  offline.push(
    ...jsonLines(
      picket(
        'detect',
        '--rules',
        join(ROOT, 'content', 'rules'),
        '--decoder',
        'mosquitto',
        ...brokerFiles.map((name) => join(logs, name)),
      ),
    ),
  )
  const fleet = ['fleet-a.log', 'fleet-b.log', 'fleet-c.log'].flatMap((name) => [
    name,
    ...Array.from({ length: rotated.get(name) ?? 0 }, (_, n) => `${name}.${n + 1}`),
  ])
  offline.push(
    ...jsonLines(
      picket(
        'detect',
        '--rules',
        join(ROOT, 'content', 'rules'),
        '--decoder',
        'json',
        ...fleet.map((name) => join(logs, name)),
      ),
    ),
  )
  const expected = offline.map(key).sort()
  let difference = ''
  for (let tries = 0; tries < 12; tries += 1) {
    await sleep(5_000)
    difference = differenceOf(allAlerts().map(key), expected)
    if (difference === '') break
  }
  if (difference !== '') fail(difference)
  const printed = jsonLines(readFileSync(join(folder, 'alerts.jsonl'), 'utf8')).map(
    (alert) => `${alert.id} ${alert.revision}`,
  )
  if (new Set(printed).size !== printed.length)
    fail('an alert revision was written twice to the JSON lines')
}

function differenceOf(live, expected) {
  if (new Set(live).size !== live.length) return 'an alert is there twice'
  const known = new Set(live)
  const wanted = new Set(expected)
  const lost = expected.filter((one) => !known.has(one))
  const extra = live.filter((one) => !wanted.has(one))
  if (lost.length + extra.length === 0) return ''
  const few = (list) => list.slice(0, 3).join(' | ')
  return `alerts: ${live.length} live, ${expected.length} offline; lost: ${few(lost)}; extra: ${few(extra)}`
}
