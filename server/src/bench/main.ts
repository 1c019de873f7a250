import { decodeBench } from './decode.ts'
import { filterBench } from './filter.ts'
import { listenBench } from './listen.ts'
import { huntBench } from './hunt.ts'
import { liveBench } from './live.ts'
import { loadBench } from './load.ts'
import { mqttBench } from './mqtt.ts'
import { reloadBench } from './reload.ts'
import { type Bench, machine, printer } from './report.ts'
import { rsigmaBench } from './rsigma.ts'
import { rulesBench } from './rules.ts'
import { spineBench } from './spine.ts'
import { storeBench } from './store.ts'

/** Every benchmark of `npm run bench [-- NAME…]`, in the order in which they run. One line each. */
const benches: readonly Bench[] = [
  spineBench,
  decodeBench,
  filterBench,
  rulesBench,
  rsigmaBench,
  listenBench,
  liveBench,
  loadBench,
  reloadBench,
  mqttBench,
  storeBench,
  huntBench,
]

const report = printer((text) => void process.stdout.write(text))
const wanted: string[] = []
const flags = new Map<string, string>()
for (let at = 2; at < process.argv.length; at += 1) {
  const word = process.argv[at]!
  if (word.startsWith('--')) flags.set(word.slice(2), process.argv[(at += 1)] ?? '')
  else wanted.push(word)
}
const unknown = wanted.filter((name) => !benches.some((bench) => bench.name === name))
if (unknown.length > 0) {
  const known = benches.map(({ name, summary }) => `  ${name}: ${summary}`).join('\n')
  process.stderr.write(`bench: no such benchmark: ${unknown.join(', ')}. There are:\n${known}\n`)
  process.exitCode = 2
} else {
  process.stdout.write(`${machine()}; compare ratios, not absolute times\n`)
  for (const bench of benches) {
    if (wanted.length > 0 && !wanted.includes(bench.name)) continue
    report.heading(`${bench.name}: ${bench.summary}`)
    await bench.run(report, flags)
  }
}
