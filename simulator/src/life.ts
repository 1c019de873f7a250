import type { MqttClient } from 'mqtt'
import { openClient } from './client.ts'
import type { Device } from './fleet.ts'

export interface World {
  readonly port: number
  readonly random: () => number
  /** Every timer of the demo, so that a stop ends all of them. */
  readonly timers: Set<NodeJS.Timeout>
  readonly clients: Set<MqttClient>
  say(text: string): void
}

export function later(world: World, ms: number, run: () => void): void {
  const timer = setTimeout(() => {
    world.timers.delete(timer)
    run()
  }, ms)
  world.timers.add(timer)
}

/** Repeats with a tenth of jitter, as clocks of cheap devices do. */
export function repeat(world: World, ms: number, run: () => void): void {
  const again = (): void => {
    run()
    later(world, ms * (0.95 + world.random() * 0.1), again)
  }
  later(world, ms * world.random(), again)
}

export function open(world: World, device: Device, reconnectMs: number): MqttClient {
  const client = openClient(world.port, {
    id: device.id,
    user: device.id,
    password: device.password,
    address: device.address,
    reconnectMs,
  })
  world.clients.add(client)
  return client
}

export function close(world: World, client: MqttClient): void {
  world.clients.delete(client)
  client.end()
}

/** The ordinary life of one device. */
export function live(world: World, device: Device): MqttClient | undefined {
  const { sleepMs, publishMs, payloadBytes } = device.type
  const payload = 'x'.repeat(payloadBytes)
  if (sleepMs !== undefined) {
    repeat(world, sleepMs, () => {
      const client = open(world, device, 0)
      client.once('connect', () => {
        client.publish(`fleet/${device.id}/state`, payload, { qos: 1 }, () => close(world, client))
      })
    })
    return undefined
  }
  const client = open(world, device, 1_000)
  repeat(world, publishMs, () => {
    if (client.connected) client.publish(`fleet/${device.id}/telemetry`, payload)
  })
  return client
}

/** A device that was given a wrong password and tries it again at a fixed beat: no attack. */
export function misconfigured(world: World, device: Device): void {
  const attempt = (): void => {
    const client = openClient(world.port, {
      id: device.id,
      user: device.id,
      password: 'left-over-from-the-factory',
      address: device.address,
    })
    client.once('close', () => client.end(true))
    later(world, 4_000, attempt)
  }
  later(world, 1_000, attempt)
}

/** A firmware update: devices of one type restart one after the other. */
export function updateWave(world: World, clients: readonly MqttClient[]): void {
  for (const [index, client] of clients.entries()) {
    later(world, index * 400, () => {
      client.end(false, {}, () => later(world, 1_500, () => client.reconnect()))
    })
  }
}
