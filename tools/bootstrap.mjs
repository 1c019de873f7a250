// What `npm start`, `npm test` and the other commands run. Plain JavaScript without dependencies,
// because on a fresh clone it runs before anything is installed: it installs and builds what is
// missing, says so, and then hands over.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const STAMP = join(ROOT, 'node_modules', '.picket-install')
const NODE_MIN = [20, 19]

const say = (text) => process.stderr.write(`picket: ${text}\n`)
const bin = (name) => join(ROOT, 'node_modules', '.bin', name)

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return
  say(`Node ${NODE_MIN.join('.')} or newer is needed; this is ${process.versions.node}.`)
  process.exit(2)
}

/** Runs a program to its end and returns its exit code; a signal counts as 1. */
function run(program, args, env = {}) {
  const done = spawnSync(program, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  })
  if (done.error) say(`${program} could not be started: ${done.error.message}`)
  return done.status ?? 1
}

function must(program, args, env) {
  const code = run(program, args, env)
  if (code !== 0) process.exit(code)
}

function install() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'))
  const hash = createHash('sha256').update(lock).digest('hex')
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return
  say('installing dependencies (once per version of package-lock.json) …')
  must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
  mkdirSync(dirname(STAMP), { recursive: true })
  writeFileSync(STAMP, hash)
}

function build() {
  if (!existsSync(join(ROOT, 'server', 'dist', 'main.js'))) say('building (once) …')
  must(bin('tsc'), ['-b'])
}

const commands = {
  async start(args) {
    process.argv = [process.argv[0], join(ROOT, 'server', 'bin', 'picket.mjs'), 'serve', ...args]
    await import(pathToFileURL(process.argv[1]).href)
  },
  test(args) {
    process.exitCode = run(bin('vitest'), ['run', ...args])
  },
  fuzz(args) {
    const seed = process.env.PICKET_SEED ?? String(Math.floor(Math.random() * 2 ** 31))
    say(`random values of seed ${seed}; PICKET_SEED=${seed} gives them again`)
    const places = args.length === 0 ? ['server/src'] : args
    process.exitCode = run(bin('vitest'), ['run', ...places], { PICKET_SEED: seed })
  },
  check() {
    must(bin('oxlint'), ['--type-aware', '--quiet'])
    must(bin('oxfmt'), ['--check'])
    must(bin('knip'), ['--no-progress'])
    say('check: types, lint, format and dead code are clean.')
  },
  bench(args) {
    process.exitCode = run(process.execPath, [join('server', 'dist', 'bench', 'main.js'), ...args])
  },
  dev(args) {
    process.exitCode = run(process.execPath, [join('tools', 'dev.mjs'), ...args])
  },
  ci() {
    commands.check()
    for (const step of [
      ['crash.mjs', '--kills', '25'],
      ['node24.mjs', 'server/src', 'simulator/src'],
    ]) {
      const [script, ...args] = step
      must(process.execPath, [join('tools', script), ...args], { REQUIRE_SERVICES: '1' })
    }
  },
}

checkNode()
const [name = '', ...args] = process.argv.slice(2)
const command = commands[name]
if (command === undefined) {
  say(`no such command: ${name}. There are: ${Object.keys(commands).join(', ')}.`)
  process.exit(2)
}
install()
build()
await command(args)
