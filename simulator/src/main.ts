import { parseArgs } from 'node:util'
import type { MqttClient } from 'mqtt'
import { bruteForce, credentialStuffing, takeover, topicProbe } from './attacks.ts'
import { BrokerLog } from './broker-log.ts'
import { startBroker } from './broker.ts'
import { hasLoopbackRange } from './client.ts'
import { type Device, makeFleet, seededRandom } from './fleet.ts'
import { later, live, misconfigured, updateWave, type World } from './life.ts'

const { values } = parseArgs({
  options: {
    log: { type: 'string' },
    port: { type: 'string', default: '18830' },
    devices: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
  },
})

/** Seconds after the start at which each part of the story begins; the attacks come again. */
const STORY = { update: 6, bruteForce: 12, takeover: 18, stuffing: 40, probe: 50, again: 180 }

if (values.log === undefined) {
  process.stderr.write('simulator: --log FILE is needed\n')
  process.exit(2)
}
const log = new BrokerLog(values.log)
const ranged = await hasLoopbackRange()
const fleet = makeFleet(Number(values.devices)).map((device) =>
  ranged ? device : { ...device, address: '127.0.0.1' },
)
const passwords = new Map(fleet.map((device) => [device.id, device.password]))
const broken = fleet[3]!.id

const broker = await startBroker(Number(values.port), log, {
  password: (user) => passwords.get(user),
  mayPublish: (clientId, topic) => topic.startsWith(`fleet/${clientId}/`),
}).catch((error: NodeJS.ErrnoException) => {
  process.stderr.write(`simulator: port ${values.port} cannot be used: ${error.code}\n`)
  process.exit(2)
})

const world: World = {
  port: broker.port,
  random: seededRandom(Number(values.seed)),
  timers: new Set(),
  clients: new Set(),
  say: (text) => void process.stderr.write(`simulator: ${text}\n`),
}
begin()

function begin(): void {
  world.say(`${fleet.length} devices on 127.0.0.1:${broker.port}`)
  const meters: MqttClient[] = []
  for (const device of fleet) {
    if (device.id === broken) misconfigured(world, device)
    else {
      const client = live(world, device)
      if (client !== undefined && device.type.name === 'power-meter') meters.push(client)
    }
  }
  later(world, STORY.update * 1_000, () => {
    world.say('a firmware update restarts 12 power meters')
    updateWave(world, meters.slice(1, 13))
  })
  attack()
}

function attack(): void {
  const attacker = (last: number): string => (ranged ? `127.66.6.${last}` : '127.0.0.1')
  const pump = ofType('insulin-pump')[0]!
  const locks = ofType('door-lock')
  later(world, STORY.bruteForce * 1_000, () => bruteForce(world, attacker(6)))
  later(world, STORY.takeover * 1_000, () => takeover(world, attacker(7), pump))
  later(world, STORY.stuffing * 1_000, () => {
    credentialStuffing(world, attacker(8), fleet.slice(10, 70))
  })
  later(world, STORY.probe * 1_000, () => topicProbe(world, locks[0]!, locks.slice(1, 16)))
  later(world, STORY.again * 1_000, attack)
}

function ofType(name: string): Device[] {
  return fleet.filter((device) => device.type.name === name)
}

let stopping = false
function stop(): void {
  if (stopping) return
  stopping = true
  for (const timer of world.timers) clearTimeout(timer)
  for (const client of world.clients) client.end(true)
  void broker.close().then(() => {
    log.close()
    process.exit(0)
  })
  setTimeout(() => process.exit(0), 2_000).unref()
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
// The parent holds the other end of standard input; when it dies, however it dies, the demo ends.
process.stdin.on('end', stop).on('error', stop).resume()
