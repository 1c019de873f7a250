/** The journal as it runs: a writer thread, and other threads that read and append. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SILENT } from '../../src/base/log.ts'
import { JournalRig, auditOf, batchOf, outcomeOf } from '../../src/journal/testing/rig.ts'
import type { LmdbJournal } from '../../src/journal/lmdb-journal.ts'

const DIST = join(import.meta.dirname, '..', '..', 'dist')
const built = existsSync(join(DIST, 'journal', 'writer-thread.js'))
const COUNT = 300

let rig: JournalRig
const workers: Worker[] = []
beforeEach(() => {
  rig = new JournalRig()
})
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate()
  await rig.remove()
})

async function openBuilt(bytesMax = 1 << 28): Promise<LmdbJournal> {
  const built = (await import(join(DIST, 'journal', 'journal.js'))) as {
    openJournal: typeof import('../../src/journal/journal.ts').openJournal
  }
  return built.openJournal({
    dir: rig.dir,
    keyring: await rig.keyring(),
    bytesMax,
    ageMaxMs: 3_600_000,
    reservedBytes: 1 << 20,
    metrics: rig.metrics,
    log: SILENT,
    clock: rig.clock,
  })
}

async function startThread(journal: LmdbJournal, name: string): Promise<Worker> {
  const share = journal.share()
  const keys = (await rig.keyring()).share()
  const worker = new Worker(join(import.meta.dirname, 'journal-thread.mjs'), {
    workerData: { dist: DIST, share, keys, name, count: COUNT },
    transferList: [share.port],
  })
  workers.push(worker)
  await answer(worker)
  return worker
}

interface Answer {
  readonly offsets?: readonly number[]
  readonly ids?: readonly string[]
  readonly woken?: number
  readonly last?: number
  readonly said?: string
}

function answer(worker: Worker, order?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    if (order !== undefined) worker.postMessage(order)
  })
}

describe.skipIf(!built)('the journal in several threads (needs the build: npx tsc -b)', () => {
  test('gives gapless offsets to appends of all, and each sees and hears of the others', async () => {
    const journal = await openBuilt()
    let heard = 0
    journal.onAppend(() => (heard += 1))
    const [one, two] = [await startThread(journal, 'one'), await startThread(journal, 'two')]
    const mine = Array.from({ length: COUNT }, (_, index) =>
      journal.append(batchOf('main', [`main-${index}`])),
    )
    const [a, b] = await Promise.all([answer(one, 'append'), answer(two, 'append')])
    const all = [...(await Promise.all(mine)), ...(a.offsets ?? []), ...(b.offsets ?? [])]
    expect(all.toSorted((x, y) => x - y)).toEqual(
      Array.from({ length: 3 * COUNT }, (_, index) => index + 1),
    )
    const seen = await answer(one, 'look')
    expect(seen.last).toBe(3 * COUNT)
    expect(new Set(seen.ids).size).toBe(3 * COUNT)
    // each thread's own order is kept
    for (const name of ['main', 'one', 'two']) {
      const own = (seen.ids ?? []).filter((id) => id.startsWith(`${name}-`))
      expect(own).toEqual(Array.from({ length: COUNT }, (_, index) => `${name}-${index}`))
    }
    expect(seen.woken).toBeGreaterThan(0)
    expect(heard).toBeGreaterThan(0)
    await journal.close()
  })

  test('a thread that is left when the journal closes is told so; one that dies harms nobody', async () => {
    const journal = await openBuilt()
    const left = await startThread(journal, 'left')
    const dying = await startThread(journal, 'dying')
    dying.postMessage('append')
    await dying.terminate()
    expect(await outcomeOf(journal.append(auditOf('login')))).toBe('done')
    await journal.trim(journal.lastOffset())
    expect(await outcomeOf(journal.append(auditOf('logout')))).toBe('done')
    await journal.close()
    expect((await answer(left, 'late')).said).toBe('JOURNAL_CLOSED')
    const again = await rig.open()
    expect(again.read(0, 1 << 20).map(({ batch }) => batch.audit?.[0]?.action)).toContain('logout')
  })

  test('refuses across threads as within one', async () => {
    const journal = await openBuilt(3 << 20)
    const outcomes: string[] = []
    for (let index = 0; index < 12; index += 1) {
      outcomes.push(await outcomeOf(journal.append(batchOf('s', ['x'], 200_000))).catch(codeOf))
    }
    expect(outcomes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'done'))
    expect(outcomes.slice(11)).toEqual(['JOURNAL_FULL'])
    await journal.close()
  })
})

/** The built program's problems are of its own class. */
function codeOf(error: unknown): string {
  return (error as { problem?: { code?: string } }).problem?.code ?? String(error)
}
