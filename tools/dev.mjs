// The development loop: the compiler watches the sources, Node restarts the server on each build.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
const serve = ['server/dist/main.js', 'serve', ...process.argv.slice(2)]
const children = [
  spawn(tsc, ['-b', '--watch', '--preserveWatchOutput'], { cwd: ROOT, stdio: 'inherit' }),
  spawn(process.execPath, ['--watch', '--enable-source-maps', ...serve], {
    cwd: ROOT,
    stdio: 'inherit',
  }),
]
const stop = () => {
  for (const child of children) child.kill('SIGTERM')
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop)
for (const child of children) child.on('exit', stop)
