import { join, resolve } from 'node:path'
import type { MetricsRegistry } from '../base/metrics.ts'
import type { Logger } from '../base/log.ts'
import { formatProblem, ProblemError } from '../base/problems.ts'
import { ok, type Result } from '../base/result.ts'
import { VERSION } from '../base/version.ts'
import type { RegisterCommand } from '../cli/context.ts'
import { loadConfig, parseConfig } from '../config/config.ts'
import type { Config } from '../config/schema.ts'
import type { ConfigDesk } from '../model/desks.ts'
import { prepareFolder } from '../vault/directory.ts'
import { type Demo, startDemo } from './demo.ts'
import { createLogger, type Volume } from './logger.ts'
import { type Running, serve } from './serve.ts'
import { Stops } from './stops.ts'

interface ServeFlags {
  readonly config?: string
  readonly data?: string
  readonly demo?: boolean
}

const FAILED_STOP_MS = 10_000

/** `picket serve`: runs everything until SIGINT or SIGTERM. */
export const serveCommand: RegisterCommand = (program, context) => {
  program
    .command('serve')
    .description('Run everything: sources, detection, alerts, store and API.')
    .option('--config <file>', 'configuration file; without it, safe defaults')
    .option('--data <dir>', 'data directory, instead of the configured one')
    .option('--demo', 'play a simulated fleet and attacks on it')
    .action((flags: ServeFlags) => run(flags))

  async function run(flags: ServeFlags): Promise<void> {
    const config = await configOf(flags)
    const pretty =
      config.log.format === 'text' || (config.log.format === 'auto' && context.interactive)
    const volume: Volume = { level: config.log.level }
    const log = createLogger(volume, pretty)
    const stops = new Stops()
    const metrics = context.metrics as MetricsRegistry
    const stdout = context.stdout as NodeJS.WriteStream
    const { env, clock, stderr } = context
    const ended = untilSignal(stderr)
    let demo: Demo | undefined
    try {
      if (flags.demo === true) {
        const folder = join(config.data, 'demo')
        prepareFolder(folder)
        demo = startDemo(env['PICKET_DEMO_PROGRAM'], join(folder, 'mosquitto.log'), log)
      }
      const running = await serve({
        config,
        env,
        clock,
        log,
        volume,
        metrics,
        stops,
        stdout,
        version: VERSION,
        reloadConfig: () => readConfig(flags),
      })
      stops.add('hang-up', onHangUp(running.configDesk, log))
      stderr.write(greeting(running, config, demo !== undefined))
      const failure = await Promise.race([ended, running.failed])
      if (failure !== undefined) {
        log.error({ code: failure.code }, failure.message)
        stderr.write(`${formatProblem(failure)}\n`)
        context.exit(1)
        // Some part may wait for what will never come.
        setTimeout(() => process.exit(1), FAILED_STOP_MS).unref()
      }
    } finally {
      demo?.stop()
      await stops.run(log)
    }
  }
}

/** SIGHUP reads the configuration anew; a bad file changes nothing and says why. */
function onHangUp(desk: ConfigDesk, log: Logger): () => Promise<void> {
  const reload = (): void => {
    desk.reload().catch((error: unknown) => {
      const why = error instanceof ProblemError ? formatProblem(error.problem) : String(error)
      log.error({ why }, 'The configuration stays as it was.')
    })
  }
  process.on('SIGHUP', reload)
  return async () => void process.off('SIGHUP', reload)
}

async function configOf(flags: ServeFlags): Promise<Config> {
  const read = await readConfig(flags)
  if (!read.ok) throw new ProblemError(read.problem)
  return read.value
}

async function readConfig(flags: ServeFlags): Promise<Result<Config>> {
  const loaded = await loadConfig(flags.config)
  if (!loaded.ok) return loaded
  const data = flags.data === undefined ? loaded.value.data : resolve(flags.data)
  const config = { ...loaded.value, data }
  if (flags.demo !== true) return ok(config)
  const source = demoSource(join(data, 'demo', 'mosquitto.log'))
  return ok({ ...config, sources: { ...config.sources, ...source } })
}

/** The demo's log is a source like any other, said in the configuration's own words. */
function demoSource(path: string): Config['sources'] {
  const text = `sources: { demo: { type: file, decoder: mosquitto, paths: [${JSON.stringify(path)}] } }`
  const parsed = parseConfig(text, { baseDir: '/' })
  if (!parsed.ok) throw new Error('the demo configuration is wrong')
  return parsed.value.sources
}

function greeting(
  { url, sources, rules, firstRun }: Running,
  config: Config,
  demo: boolean,
): string {
  const broken = rules.broken > 0 ? `, ${rules.broken} that do not compile (see the log)` : ''
  const lines = [
    `Picket is up at ${url} with ${rules.count} rules${broken} and ${sources.length} sources; data in ${config.data}.`,
  ]
  if (firstRun !== undefined) {
    const { user, password } = firstRun
    lines.push(`Log in as ${user} with ${password} (also in first-run.json); it must be changed.`)
  }
  if (demo) lines.push('The demo fleet begins its day; a brute force and a takeover follow soon.')
  else if (sources.length === 0) {
    lines.push('No source is configured: see README.md, "Your own broker", or start with --demo.')
  }
  return `${lines.join('\n')}\n`
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function untilSignal(stderr: NodeJS.WritableStream): Promise<undefined> {
  return new Promise((done) => {
    let asked = false
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1)
        asked = true
        stderr.write('Stopping; once more to stop at once.\n')
        done(undefined)
      })
    }
  })
}
