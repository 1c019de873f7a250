import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSocketClient } from '../cli/socket-client.ts'
import { controlSocket } from '../state/location.ts'
import { type Bench, percentile } from './report.ts'
import {
  configFile,
  configText,
  EVENTS_PER_S,
  LOAD_SECONDS,
  MARKED_PER_S,
  type Rig,
  runLoad,
  tellLoad,
  withServer,
} from './rig.ts'

const RELOADS = 100

/** Good files, which stop the source that gives the events and start it again, and bad ones by turns. */
export const reloadBench: Bench = {
  name: 'reload',
  summary: `${RELOADS} reloads of the configuration while ${EVENTS_PER_S} events/s arrive`,
  run: (report) =>
    withServer(async (rig) => {
      const [load, reloads] = await Promise.all([runLoad(rig), reloadOften(rig)])
      tellLoad(report, load)
      const { good, bad, wrong, tookMs } = reloads
      report.row('reloads', `${good + bad}`, `${good} of good files, ${bad} of bad ones`)
      report.row('a reload takes, p50', `${percentile(tookMs, 0.5).toFixed(0)} ms`)
      report.row('a reload takes, largest', `${Math.max(...tookMs).toFixed(0)} ms`)
      report.goal('every good file applied, every bad one refused', wrong.length === 0)
      for (const why of wrong.slice(0, 5)) report.row('', '', why)
      const { opened, doubled } = countAlerts(rig)
      const marks = (load.written / EVENTS_PER_S) * MARKED_PER_S
      report.row('alerts opened', String(opened), `of ${marks}`)
      report.goal('no alert lost, none doubled', opened === marks && doubled === 0)
    }),
}

interface Reloads {
  good: number
  bad: number
  readonly wrong: string[]
  readonly tookMs: number[]
}

async function reloadOften({ folder }: Rig): Promise<Reloads> {
  const server = createSocketClient(controlSocket(join(folder, 'data')))
  const done: Reloads = { good: 0, bad: 0, wrong: [], tookMs: [] }
  const everyMs = (LOAD_SECONDS * 1_000) / RELOADS
  for (let turn = 0; turn < RELOADS; turn += 1) {
    const begunMs = performance.now()
    const isGood = turn % 2 === 0
    const text = configText(folder, `${30 + turn}s`)
    writeFileSync(configFile(folder), isGood ? text : `${text}nonsense: 1\n`)
    try {
      const answer = JSON.stringify(await server.post('/api/v1/config/reload'))
      if (!isGood) done.wrong.push(`a bad file was taken: ${answer}`)
      else if (!answer.includes('sources.in')) done.wrong.push(`not applied: ${answer}`)
    } catch (error) {
      if (isGood) done.wrong.push(String(error))
    }
    done[isGood ? 'good' : 'bad'] += 1
    done.tookMs.push(performance.now() - begunMs)
    await sleep(Math.max(0, begunMs + everyMs - performance.now()))
  }
  return done
}

/** Openings of marked events, and lines that stand in the file twice. */
function countAlerts({ folder }: Rig): { readonly opened: number; readonly doubled: number } {
  const lines = readFileSync(join(folder, 'alerts.jsonl'), 'utf8').trim().split('\n')
  const alerts = lines.map(
    (line) =>
      JSON.parse(line) as { id: string; revision: number; announcement: string; group: object },
  )
  const opened = alerts.filter(({ announcement }) => announcement === 'opened')
  const groups = new Set(opened.map(({ group }) => JSON.stringify(group)))
  const revisions = new Set(alerts.map(({ id, revision }) => `${id} ${revision}`))
  const doubled = alerts.length - revisions.size + (opened.length - groups.size)
  return { opened: groups.size, doubled }
}
