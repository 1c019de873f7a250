import { openClient } from './client.ts'
import type { Device } from './fleet.ts'
import { close, later, type World } from './life.ts'

const WORD_LIST = ['admin', 'root', 'device', 'mqtt', 'guest', 'test', 'user', 'default']

/** One program guesses passwords for one client id, as fast as a slow line lets it. */
export function bruteForce(world: World, address: string): void {
  world.say(`attack: ${address} guesses passwords`)
  for (let attempt = 0; attempt < 40; attempt += 1) {
    later(world, attempt * 150, () => {
      const user = WORD_LIST[attempt % WORD_LIST.length] ?? 'admin'
      const client = openClient(world.port, {
        id: 'mqtt-probe',
        user,
        password: `${user}${attempt}`,
        address,
      })
      client.once('close', () => client.end(true))
    })
  }
}

/** Leaked lists of credentials, tried for many device ids from one address. */
export function credentialStuffing(
  world: World,
  address: string,
  devices: readonly Device[],
): void {
  world.say(`attack: ${address} tries leaked credentials of ${devices.length} devices`)
  for (const [index, device] of devices.entries()) {
    later(world, index * 100, () => {
      const client = openClient(world.port, {
        id: device.id.replace('-', '_'),
        user: device.id,
        password: 'leaked-in-another-breach',
        address,
      })
      client.once('close', () => client.end(true))
    })
  }
}

/** A clone with the device's own credentials: it and the real device push each other out. */
export function takeover(world: World, address: string, device: Device): void {
  world.say(`attack: a clone of ${device.id} connects from ${address}`)
  const clone = openClient(world.port, {
    id: device.id,
    user: device.id,
    password: device.password,
    address,
    reconnectMs: 900,
  })
  world.clients.add(clone)
  later(world, 20_000, () => close(world, clone))
}

/** A device that was broken into looks for what else it may write to. */
export function topicProbe(world: World, device: Device, victims: readonly Device[]): void {
  world.say(`attack: ${device.id} publishes to topics of other devices`)
  const client = openClient(world.port, {
    id: `${device.id}`,
    user: device.id,
    password: device.password,
    address: device.address,
  })
  world.clients.add(client)
  client.once('connect', () => {
    for (const [index, victim] of victims.entries()) {
      later(world, index * 120, () => {
        client.publish(`fleet/${victim.id}/command`, 'unlock', { qos: 1 })
      })
    }
    later(world, victims.length * 120 + 500, () => close(world, client))
  })
}
