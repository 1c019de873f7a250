import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadRules } from '../library/library.ts'
import type { EcsDoc } from '../model/event.ts'
import type { MatchRule } from '../model/rule.ts'
import { createMatcher } from '../rule/matcher.ts'
import { generatedEvents, generatedRules } from './generated-rules.ts'
import type { Bench, BenchFlags, Report } from './report.ts'
import { sigmaText } from './sigma-text.ts'

const EVENTS = 5_000
const COUNTS = [30, 300]
const ROUNDS = 3
/** Events of a lane are repeated up to about this many, so that loading weighs little. */
const EVENTS_MIN = 20_000
const OUTPUT_BYTES_MAX = 2_000_000_000

/**
 * Picket's matcher beside rsigma (github.com/timescale/rsigma, Rust) on the same rules and events:
 * JSON lines in, a JSON line a match out, no log sources looked at. Time is CPU time of the whole
 * process, loading of rules taken off. Without equal matches there is no figure.
 */
export const rsigmaBench: Bench = {
  name: 'rsigma',
  summary:
    'beside rsigma, same rules and events: --rsigma BINARY [--rules DIR --events FILE.ndjson]',
  async run(report, flags) {
    const binary = flags.get('rsigma')
    if (binary === undefined || !existsSync(binary)) {
      report.row('skipped', '-', 'name a built rsigma with --rsigma PATH')
      return
    }
    const folder = mkdtempSync(join(tmpdir(), 'picket-bench-'))
    try {
      const lanes = lanesOf(flags, folder)
      let isFaster = true
      for (const lane of lanes) isFaster = compare(lane, { binary, folder, report }) && isFaster
      report.goal('faster than rsigma in every lane', isFaster)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

interface Lane {
  readonly name: string
  readonly rules: string
  /** Every event has a number of its own under this name. */
  readonly lines: readonly string[]
}

const NUMBER = 'bench_line'

function lanesOf(flags: BenchFlags, folder: string): readonly Lane[] {
  const rules = flags.get('rules')
  const events = flags.get('events')
  if (rules !== undefined && events !== undefined) {
    const lines = readFileSync(events, 'utf8').trim().split('\n')
    const docs = lines.map((line) => JSON.parse(line) as EcsDoc)
    const repeats = Math.max(1, Math.ceil(EVENTS_MIN / docs.length))
    const all = Array.from({ length: repeats }, () => docs).flat()
    return [{ name: 'given', rules, lines: numbered(all) }]
  }
  const lines = numbered(generatedEvents(EVENTS))
  const all = generatedRules(COUNTS.at(-1) ?? 0)
  return COUNTS.map((count) => {
    const path = join(folder, `rules-${count}`)
    mkdirSync(path)
    for (const [at, rule] of all.slice(0, count).entries()) {
      const id = `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`
      writeFileSync(join(path, `${at}.yml`), sigmaText(rule, id))
    }
    return { name: `${count} generated rules`, rules: path, lines }
  })
}

function numbered(docs: readonly EcsDoc[]): string[] {
  return docs.map((doc, at) => JSON.stringify({ ...doc, [NUMBER]: `line-${at}` }))
}

interface Bed {
  readonly binary: string
  readonly folder: string
  readonly report: Report
}

function compare(lane: Lane, { binary, folder, report }: Bed): boolean {
  const loaded = loadRules([lane.rules], { pipeline: 'none' })
  const broken = loaded.reports.filter(({ ok }) => !ok).length
  const rules = loaded.ruleSet.matches
  const ours = matchLines(rules, lane.lines)
  const input = join(folder, 'events.ndjson')
  writeFileSync(input, `${lane.lines.join('\n')}\n`)
  const empty = join(folder, 'empty.ndjson')
  writeFileSync(empty, '')
  const args = ['engine', 'eval', '-r', lane.rules, '--quiet', '--output-format', 'ndjson']
  const theirs = theirPairs(binary, [...args, '--include-event'], input)
  const missing = theirs.filter((pair) => !ours.pairs.has(pair)).length
  if (missing > 0 || theirs.length !== ours.pairs.size) {
    const counts = `${ours.pairs.size} ours, ${theirs.length} theirs, ${missing} only theirs`
    report.row(lane.name, '-', `no figure, matches differ: ${counts}`)
    return false
  }
  const times = Array.from({ length: ROUNDS }, () => {
    return cpuSeconds(binary, args, input) - cpuSeconds(binary, args, empty)
  })
  const rate = (seconds: number): number => lane.lines.length / seconds
  const [us, them] = [rate(ours.leastSeconds), rate(Math.min(...times))]
  const say = (value: number): string => `${Math.round(value).toLocaleString('en-US')}/s`
  const set = `${rules.length} rules${broken > 0 ? `, ${broken} more do not compile` : ''}`
  const remark = `rsigma ${say(them)}, ${(us / them).toFixed(2)} times as fast`
  report.row(lane.name, say(us), `${remark}; ${set}, ${theirs.length} equal matches`)
  return us > them
}

/** Parses, matches and writes each match, as the other does; the least CPU time of some rounds. */
function matchLines(
  rules: readonly MatchRule[],
  lines: readonly string[],
): { readonly leastSeconds: number; readonly pairs: ReadonlySet<string> } {
  const matcher = createMatcher(rules)
  const hits = new Int32Array(rules.length)
  const pairs = new Set<string>()
  for (const line of lines) {
    const doc = JSON.parse(line) as EcsDoc
    for (const hit of hits.subarray(0, matcher.match(doc, hits))) {
      pairs.add(`${String(doc[NUMBER])} ${rules[hit]!.meta.id}`)
    }
  }
  let leastSeconds = Number.POSITIVE_INFINITY
  let written = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.cpuUsage()
    for (const line of lines) {
      const count = matcher.match(JSON.parse(line) as EcsDoc, hits)
      for (let at = 0; at < count; at += 1) written += matchLine(rules[hits[at]!]!).length
    }
    const { user, system } = process.cpuUsage(before)
    leastSeconds = Math.min(leastSeconds, (user + system) / 1e6)
  }
  if (written < pairs.size) throw new Error('fewer matches were written than were found')
  return { leastSeconds, pairs }
}

function matchLine({ meta }: MatchRule): string {
  return `${JSON.stringify({ rule_title: meta.title, rule_id: meta.id, level: meta.severity, tags: meta.tags })}\n`
}

function theirPairs(binary: string, args: readonly string[], input: string): string[] {
  const { stdout, status } = spawnSync(binary, args, {
    input: readFileSync(input),
    maxBuffer: OUTPUT_BYTES_MAX,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`rsigma ended with exit code ${String(status)}`)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { event, rule_id } = JSON.parse(line) as { event: EcsDoc; rule_id: string }
      return `${String(event[NUMBER])} ${rule_id}`
    })
}

/** User and system time of the process, as the shell that ran it tells. */
function cpuSeconds(binary: string, args: readonly string[], input: string): number {
  const script = 'input=$1; shift; "$@" <"$input" >/dev/null 2>&1; times'
  const { stdout } = spawnSync('sh', ['-c', script, 'sh', input, binary, ...args], {
    encoding: 'utf8',
  })
  const [user = '', system = ''] = (stdout.trim().split('\n').at(-1) ?? '').split(' ')
  return secondsOf(user) + secondsOf(system)
}

/** `1m2.5s` */
function secondsOf(text: string): number {
  const [minutes = '', seconds = ''] = text.split('m')
  return Number(minutes) * 60 + Number.parseFloat(seconds)
}
