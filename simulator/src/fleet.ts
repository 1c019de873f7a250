/** One kind of device: how it is named, how often it speaks, whether it sleeps in between. */
export interface DeviceType {
  readonly name: string
  readonly share: number
  readonly publishMs: number
  readonly payloadBytes: number
  /** Connects, publishes once and leaves, this often; undefined: stays connected. */
  readonly sleepMs?: number
}

export const DEVICE_TYPES: readonly DeviceType[] = [
  { name: 'thermometer', share: 0.5, publishMs: 10_000, payloadBytes: 48 },
  { name: 'power-meter', share: 0.2, publishMs: 5_000, payloadBytes: 120 },
  { name: 'insulin-pump', share: 0.1, publishMs: 4_000, payloadBytes: 96 },
  { name: 'door-lock', share: 0.15, publishMs: 0, payloadBytes: 32, sleepMs: 25_000 },
  { name: 'gateway', share: 0.05, publishMs: 3_000, payloadBytes: 400 },
]

export interface Device {
  readonly id: string
  readonly type: DeviceType
  readonly password: string
  /** A loopback address of its own, so that the broker's log tells devices apart. */
  readonly address: string
}

/** Devices of five types over four sites, the same for the same count. */
export function makeFleet(count: number): readonly Device[] {
  const devices: Device[] = []
  for (const type of DEVICE_TYPES) {
    const ofType = Math.max(1, Math.round(count * type.share))
    for (let number = 1; number <= ofType; number += 1) {
      const index = devices.length
      devices.push({
        id: `${type.name}-${String(number).padStart(3, '0')}`,
        type,
        password: `demo-${type.name}-${number * 7919}`,
        address: `127.${1 + (index % 4)}.${1 + Math.floor(index / 200)}.${1 + (index % 200)}`,
      })
    }
  }
  return devices
}

/** A small seeded generator (mulberry32): numbers from 0 up to 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
