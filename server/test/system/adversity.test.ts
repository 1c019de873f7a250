/**
 * The real server when things go wrong around it: a full disk, a store that dies or hangs, a device
 * a day ahead, its own clock an hour back. Nothing is lost, `/readyz` says what is wrong, and the rest
 * of the fleet is still watched. `PICKET_OUTAGE_S` sets how long the store is away (8 s unless set).
 */
import { execFileSync } from 'node:child_process'
import { existsSync, openSync, closeSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { fieldOf, type EcsDoc } from '../../src/model/event.ts'
import { AdversityRig, isBuilt, type Ready } from './adversity-rig.ts'

const OUTAGE_MS = Number(process.env['PICKET_OUTAGE_S'] ?? 8) * 1_000
const MEMORY_MIB_MAX = 700
const HOUR_MS = 3_600_000
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const isLinux = process.platform === 'linux'
const isRoot = isLinux && process.getuid?.() === 0
const TIMEOUT_MS = 120_000 + 2 * OUTAGE_MS

const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/faketime/libfaketime.so.1',
].find((path) => existsSync(path))

let rig: AdversityRig | undefined
let mounted: string | undefined
const closing: (() => void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) close()
  if (mounted === undefined) return rig?.remove()
  // The folder of the disk goes with the rig, once the disk is off it.
  const disk = mounted
  mounted = undefined
  await rig?.remove().catch(() => undefined)
  execFileSync('umount', ['-l', disk])
  await rig?.remove()
})

function names(ready: Ready, component: string): boolean {
  return ready.problems.some((problem) => problem.component === component)
}

async function eachStoredOnce(): Promise<ReadonlyMap<string, EcsDoc[]>> {
  const found = await rig!.stopAndRead()
  const lost = [...rig!.written].filter((name) => !found.has(name))
  const doubled = [...found].filter(([, docs]) => docs.length > 1).map(([name]) => name)
  const unknown = [...found.keys()].filter((name) => !rig!.written.has(name))
  const few = (list: readonly string[]): readonly string[] => list.slice(0, 5)
  expect({ lost: few(lost), doubled: few(doubled), unknown: few(unknown) }).toEqual({
    lost: [],
    doubled: [],
    unknown: [],
  })
  return found
}

/** Takes all room of a disk, again and again, until the returned function is called. */
function fill(disk: string): () => void {
  const path = join(disk, 'ballast')
  const file = openSync(path, 'w')
  const block = Buffer.alloc(64 * 1024, 1)
  const take = (): void => {
    for (const bytes of [block.length, 4_096]) {
      try {
        for (;;) if (writeSync(file, block, 0, bytes) === 0) break
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOSPC') throw error
      }
    }
  }
  take()
  const timer = setInterval(take, 100)
  return () => {
    clearInterval(timer)
    closeSync(file)
    rmSync(path)
  }
}

describe.skipIf(!(isBuilt && isLinux) && !mustRun)(
  'the server in adversity (needs Linux and the build: npx tsc -b)',
  () => {
    test.skipIf(!isRoot && !mustRun)(
      'a full disk (needs root to mount a small one)',
      async () => {
        rig = new AdversityRig()
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', rig.data])
        mounted = rig.data
        await rig.start()
        rig.load()
        rig.attack('203.0.113.1')
        await rig.alerted('203.0.113.1')

        const empty = fill(rig.data)
        let isFull = true
        closing.push(() => isFull && empty())
        const full = await rig.untilReady('the disk is full', ({ status, problems }) => {
          return status === 503 && problems.some(({ message }) => /disk is full/.test(message))
        })
        expect(full.problems.find(({ component }) => component === 'journal')?.blocking).toBe(true)
        rig.attack('203.0.113.2')
        await sleep(3_000)
        expect(await rig.metric('picket_source_waits_total')).toBeGreaterThan(0)
        expect((await rig.ready()).status).toBe(503)
        expect(rig.residentMib).toBeLessThan(MEMORY_MIB_MAX)

        isFull = false
        empty()
        await rig.alerted('203.0.113.2')
        await rig.untilReady('all is well', ({ status, problems }) => {
          return status === 200 && problems.length === 0
        })
        await eachStoredOnce()
      },
      TIMEOUT_MS,
    )

    test.each(['SIGKILL', 'SIGSTOP'] as const)(
      'a store that is gone for a while: %s',
      async (signal) => {
        rig = new AdversityRig()
        await rig.start()
        rig.load()
        await rig.until('the store has rows', () => (rig!.stored() ?? 0) > 0)
        const pid = rig.enginePid!
        process.kill(pid, signal)
        // A killed one comes back at once, so it is killed for as long as the outage lasts.
        const again = setInterval(() => {
          const engine = signal === 'SIGKILL' ? rig!.enginePid : undefined
          if (engine !== undefined) process.kill(engine, 'SIGKILL')
        }, 50)
        closing.push(() => clearInterval(again))
        const sinceMs = performance.now()
        rig.attack('203.0.113.3')
        await rig.alerted('203.0.113.3')
        const before = await rig.metric('picket_source_events_total')
        const named = await rig.untilReady('the store is named', (ready) => names(ready, 'store'))
        expect(named.status).toBe(200)
        expect(named.problems.every(({ blocking }) => !blocking)).toBe(true)
        await sleep(Math.max(0, OUTAGE_MS - (performance.now() - sinceMs)))
        expect(await rig.metric('picket_source_events_total')).toBeGreaterThan(before)
        rig.attack('203.0.113.4')
        await rig.alerted('203.0.113.4')
        expect(rig.residentMib).toBeLessThan(MEMORY_MIB_MAX)

        clearInterval(again)
        if (signal === 'SIGSTOP' && rig.enginePid === pid) process.kill(pid, 'SIGCONT')
        await rig.untilReady('all is well', ({ problems }) => problems.length === 0)
        await eachStoredOnce()
      },
      TIMEOUT_MS,
    )

    test(
      'a device a day ahead blinds nobody',
      async () => {
        rig = new AdversityRig()
        await rig.start()
        rig.load()
        const aheadMs = Date.now() + 24 * HOUR_MS
        const ahead: string[] = []
        for (let n = 0; n < 20; n += 1) {
          ahead.push(rig.device({ id: 'broken-clock', at: aheadMs + n * 1_000 }))
        }
        // Ticks have passed, so a watermark that believed the device would be a day ahead by now.
        await sleep(1_500)
        rig.attack('203.0.113.5')
        await rig.alerted('203.0.113.5')
        await rig.until('an alert about its clock', () =>
          rig!.alerts.some(
            ({ rule, group }) =>
              rule.name === 'Device clock far ahead' && group['device.id'] === 'broken-clock',
          ),
        )
        const found = await eachStoredOnce()
        for (const [n, name] of ahead.entries()) {
          const doc = found.get(name)![0]!
          expect(doc['@timestamp']).toBe(fieldOf(doc, 'event.created'))
          expect(fieldOf(doc, 'iot.time.claimed')).toBe(new Date(aheadMs + n * 1_000).toISOString())
        }
      },
      TIMEOUT_MS,
    )

    test.skipIf(FAKETIME === undefined && !mustRun)(
      'its own clock an hour back (needs libfaketime: apt-get install faketime)',
      async () => {
        rig = new AdversityRig()
        const offset = join(rig.folder, 'offset')
        writeFileSync(offset, '+0\n')
        await rig.start({
          LD_PRELOAD: FAKETIME!,
          FAKETIME_TIMESTAMP_FILE: offset,
          FAKETIME_CACHE_DURATION: '1',
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
        })
        rig.attack('203.0.113.6')
        await rig.alerted('203.0.113.6')

        writeFileSync(offset, '-3600\n')
        // Until the process sees it and has said once how far its sources are.
        await sleep(2_500)
        rig.attack('203.0.113.7', Date.now() - HOUR_MS)
        rig.device({ id: 'dev-1', at: Date.now() - HOUR_MS })
        const after = await rig.alerted('203.0.113.7')
        expect(Date.parse(after.first)).toBeLessThan(Date.now() - HOUR_MS / 2)
        const turns = await rig.metric('picket_journal_append_seconds_count')
        await sleep(1_000)
        // Ticks and saved states go on at their pace, and nothing runs hot.
        const more = (await rig.metric('picket_journal_append_seconds_count')) - turns
        expect(more).toBeLessThan(100)
        expect((await rig.ready()).status).toBe(200)
        await eachStoredOnce()
      },
      TIMEOUT_MS,
    )
  },
)
