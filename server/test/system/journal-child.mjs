// A process that works a journal hard until it is killed: three sources append numbered events with
// their cursor and decoder state, a second thread answers every entry with an alert and its position,
// old entries are trimmed and snapshots taken. Everything acknowledged is said on standard output.
import { Worker, isMainThread, workerData } from 'node:worker_threads'

const dist = process.argv[2] ?? workerData.dist
const load = (path) => import(`${dist}/${path}`)
const { joinJournal, openJournal } = await load('journal/journal.js')
const { joinKeyring, openKeyring } = await load('vault/keyring.js')
const { openDataDir } = await load('vault/directory.js')
const { MetricsRegistry } = await load('base/metrics.js')
const { SILENT } = await load('base/log.js')

const clock = { now: () => Date.now() }
const shared = { metrics: new MetricsRegistry(), log: SILENT, clock }
const alertOf = (offset) => ({ id: `a${offset}`, offset })

/** As the detector: one alert for each entry that has events, in one transaction with the position. */
async function detect() {
  const { share, keys } = workerData
  const journal = await joinJournal({ share, keyring: joinKeyring(keys), ...shared })
  let at = journal.readerOffset('detector')
  let wake = () => undefined
  journal.onAppend(() => wake())
  for (;;) {
    const entries = journal.read(at, 200_000)
    if (entries.length === 0) {
      await new Promise((resolve) => {
        wake = resolve
        setTimeout(resolve, 50)
      })
      continue
    }
    const alerts = entries.filter(({ batch }) => batch.events).map(({ offset }) => alertOf(offset))
    at = entries.at(-1).offset
    const reader = { name: 'detector', offset: at }
    if (alerts.length > 0) await journal.append({ source: 'd', ingestedMs: 1, alerts }, { reader })
    else await journal.saveReader('detector', at)
    process.stdout.write(`detector ${at}\n`)
  }
}

async function feed(journal, source) {
  let number = Number(journal.cursors(source).get('file') ?? 0)
  for (let round = 0; ; round += 1) {
    const count = 1 + ((round * 7) % 40)
    const events = Array.from({ length: count }, (_, index) => ({
      id: `${source}-${number + index + 1}`,
      time: 1,
      doc: { n: number + index + 1, pad: 'x'.repeat((round * 131) % 3_000) },
    }))
    number += count
    const value = String(number)
    await journal.append(
      { source, ingestedMs: 1, events, routine: { count } },
      {
        cursor: { source, key: 'file', value },
        decoderState: { source, changes: [{ key: 'n', value }] },
      },
    )
    process.stdout.write(`${source} ${value}\n`)
  }
}

async function tidy(journal) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 15))
    const upTo = Math.max(0, journal.readerOffset('detector') - 20)
    await journal.trim(upTo)
    process.stdout.write(`trimmed ${upTo}\n`)
    const bytes = Buffer.alloc(200_000, String(upTo))
    await journal.saveSnapshot('detector', upTo, bytes)
    process.stdout.write(`snapshot ${upTo}\n`)
  }
}

async function main() {
  const dataDir = await openDataDir(process.argv[3])
  const masterKey = { kind: 'generated' }
  const keyring = await openKeyring({ dataDir, masterKey, env: {}, log: SILENT })
  const journal = await openJournal({
    dir: `${dataDir.path}/journal`,
    keyring,
    bytesMax: 512 * 1024 * 1024,
    ageMaxMs: 3_600_000,
    reservedBytes: 1024 * 1024,
    epochBytes: 400_000,
    ...shared,
  })
  const share = journal.share()
  const data = { dist, share, keys: keyring.share() }
  new Worker(new URL(import.meta.url), { workerData: data, transferList: [share.port] })
  process.stdout.write('open 0\n')
  await Promise.all([...['s1', 's2', 's3'].map((source) => feed(journal, source)), tidy(journal)])
}

await (isMainThread ? main() : detect())
