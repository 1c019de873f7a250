// A fleet whose clients all reconnect to a Mosquitto within a minute, seen through its log and through MQTT:
// all of it must be stored, once, and memory stay bounded. Prints what it measured.
//
//   node tools/reconnect-storm.mjs [--clients 50000] [--seconds 60]
//
// Needs a build (npm run build) and Mosquitto. Where the limit on open files (ulimit -n) does not hold all clients
// at once, the oldest leave as new ones come.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '60' },
  },
})
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { status } = spawnSync('npx', ['vitest', 'run', 'test/system/reconnect-storm.test.ts'], {
  cwd: join(root, 'server'),
  stdio: 'inherit',
  env: {
    ...process.env,
    REQUIRE_SERVICES: '1',
    PICKET_STORM_CLIENTS: values.clients,
    PICKET_STORM_MS: String(Number(values.seconds) * 1_000 * 0.9),
  },
})
process.exitCode = status ?? 1
