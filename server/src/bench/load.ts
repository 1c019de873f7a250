import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { ClientsData, ClientsDone } from './load-clients.ts'
import { type Bench, percentile, type Report } from './report.ts'
import {
  EVENTS_PER_S,
  LOAD_SECONDS,
  PICKET,
  type Rig,
  runLoad,
  tellLoad,
  WARM_UP_MS,
  withServer,
} from './rig.ts'

const CLIENTS = 200
/** Each client reads a page, waits so long, and reads on; meanwhile it follows the live stream. */
const READ_EVERY_MS = 2_000
const FLAT_OUT_MS = 5_000

/** People at the console and programs at the API, while everything else goes on. */
export const loadBench: Bench = {
  name: 'load',
  summary: `${CLIENTS} clients read and follow alerts while ${EVENTS_PER_S} events/s arrive`,
  run: (report) =>
    withServer(async (rig) => {
      const token = tokenOf(rig)
      const paced = startClients({
        rig,
        token,
        clients: CLIENTS,
        readEveryMs: READ_EVERY_MS,
        warmUpMs: WARM_UP_MS,
      })
      const load = await runLoad(rig)
      tellLoad(report, load)
      tellClients(
        report,
        await paced.done(),
        `every ${READ_EVERY_MS / 1_000} s each, after ${WARM_UP_MS / 1_000} s`,
      )
      const flat = startClients({ rig, token, clients: CLIENTS, readEveryMs: 0, warmUpMs: 0 })
      await new Promise((resolve) => setTimeout(resolve, FLAT_OUT_MS))
      report.row('', '')
      const { readsMs, failures } = await flat.done()
      const rate = readsMs.length / (FLAT_OUT_MS / 1_000)
      report.row(
        'reads flat out, no pause, no other load',
        `${rate.toFixed(0)}/s`,
        `${failures} failed`,
      )
    }),
}

function tokenOf({ folder }: Rig): string {
  const args = [
    PICKET,
    'token',
    'create',
    'bench',
    '--role',
    'analyst',
    '--data',
    join(folder, 'data'),
  ]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()
}

function startClients(of: { readonly rig: Rig } & Omit<ClientsData, 'url'>): {
  done(): Promise<ClientsDone>
} {
  const { rig, ...rest } = of
  const workerData: ClientsData = { ...rest, url: rig.url }
  const worker = new Worker(new URL('./load-clients.js', import.meta.url), { workerData })
  return {
    done: async () => {
      worker.postMessage('stop')
      const [told] = (await once(worker, 'message')) as [ClientsDone]
      await worker.terminate()
      return told
    },
  }
}

function tellClients(report: Report, clients: ClientsDone, pace: string): void {
  const { readsMs, toldMs, streams, failures } = clients
  const ms = (samples: readonly number[], share: number): string =>
    `${percentile(samples, share).toFixed(0)} ms`
  report.row('reads of a page of 50 alerts', String(readsMs.length), `${CLIENTS} clients, ${pace}`)
  report.row('read p50', ms(readsMs, 0.5))
  report.row('read p99', ms(readsMs, 0.99))
  report.row('read p99.9', ms(readsMs, 0.999))
  report.row('alerts received on live streams', String(toldMs.length), `${streams} streams`)
  report.row('event to live stream p50', ms(toldMs, 0.5), 'from the time stamp of the event')
  report.row('event to live stream p99', ms(toldMs, 0.99))
  report.row('failed reads and broken streams', String(failures), `in ${LOAD_SECONDS} s`)
  report.goal('no read failed, no stream broke', failures === 0 && readsMs.length > 0)
}
