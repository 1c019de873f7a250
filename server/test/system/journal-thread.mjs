// A second thread that uses a journal: appends numbered batches, or waits to be woken by others.
import { parentPort, workerData } from 'node:worker_threads'

const { dist, share, keys, name, count } = workerData
const load = (path) => import(`${dist}/${path}`)
const { joinJournal } = await load('journal/journal.js')
const { joinKeyring } = await load('vault/keyring.js')
const { MetricsRegistry } = await load('base/metrics.js')
const { SILENT } = await load('base/log.js')

const journal = await joinJournal({
  share,
  keyring: joinKeyring(keys),
  metrics: new MetricsRegistry(),
  log: SILENT,
  clock: { now: () => 5 },
})
let woken = 0
journal.onAppend(() => {
  woken += 1
})
const codeOf = (error) => error.problem?.code ?? String(error)

parentPort.on('message', async (order) => {
  if (order === 'append') {
    const work = Array.from({ length: count }, (_, index) => {
      const events = [{ id: `${name}-${index}`, time: 1, doc: { index } }]
      return journal.append({ source: name, ingestedMs: 1, events })
    })
    parentPort.postMessage({ offsets: await Promise.all(work) })
  }
  if (order === 'look') {
    const ids = journal.read(0, 1 << 30).flatMap(({ batch }) => batch.events.map(({ id }) => id))
    parentPort.postMessage({ woken, last: journal.lastOffset(), ids })
  }
  if (order === 'late') {
    const batch = { source: name, ingestedMs: 1, events: [] }
    const said = await journal.append(batch).then(() => 'done', codeOf)
    parentPort.postMessage({ said })
    await journal.close()
    parentPort.close()
  }
})
parentPort.postMessage({ ready: true })
