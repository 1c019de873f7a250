import { cpus } from 'node:os'

/** What a benchmark prints: lines of a table, and whether a goal was met. */
export interface Report {
  heading(text: string): void
  row(name: string, value: string, remark?: string): void
  goal(text: string, met: boolean): void
}

export interface Bench {
  readonly name: string
  readonly summary: string
  run(report: Report, flags: BenchFlags): Promise<void>
}

/** What was given as `--name value`. */
export type BenchFlags = ReadonlyMap<string, string>

export function printer(write: (text: string) => void): Report {
  return {
    heading: (text) => write(`\n${text}\n`),
    row: (name, value, remark = '') =>
      write(`  ${name.padEnd(46)} ${value.padStart(12)}  ${remark}\n`),
    goal: (text, met) => write(`  ${met ? 'met    ' : 'NOT met'} goal: ${text}\n`),
  }
}

export function machine(): string {
  const list = cpus()
  return `Node ${process.version}, ${list.length} x ${list[0]?.model.trim() ?? 'unknown processor'}`
}

/** The value below which this share (0 to 1) of the sorted samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Median time of several runs in ns per item, after one that does not count. */
export async function nsPerItem(
  items: number,
  runs: number,
  work: () => void | Promise<void>,
): Promise<number> {
  const samples: number[] = []
  for (let run = 0; run <= runs; run += 1) {
    const from = performance.now()
    await work()
    if (run > 0) samples.push(((performance.now() - from) * 1e6) / items)
  }
  return percentile(samples, 0.5)
}

/** Least processor time of this process over several rounds, in ns per item. */
export function leastCpuNs(items: number, rounds: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round += 1) {
    const from = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(from)
    best = Math.min(best, ((user + system) * 1_000) / items)
  }
  return best
}
