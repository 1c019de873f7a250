import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Lmdb } from './database.ts'
import { NameHashes } from './layout.ts'
import { StateLog, type StateSealer, applyChanges, packChanges } from './state-log.ts'

/** A map in the order of its keys, in the place of LMDB; counts what is written. */
class PlainDatabase {
  readonly values = new Map<string, Buffer>()
  writtenBytes = 0

  getBinary(key: Buffer): Buffer | undefined {
    return this.values.get(key.toString('hex'))
  }
  put(key: Buffer, value: Buffer): void {
    this.values.set(key.toString('hex'), value)
    this.writtenBytes += value.byteLength
  }
  remove(key: Buffer): void {
    this.values.delete(key.toString('hex'))
  }
  getRange(): { key: Buffer; value: Buffer }[] {
    const names = [...this.values.keys()].toSorted()
    return names.map((name) => ({ key: Buffer.from(name, 'hex'), value: this.values.get(name)! }))
  }
  getKeys(): Buffer[] {
    return this.getRange().map(({ key }) => key)
  }
  bytes(): number {
    return [...this.values.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  }
}

/** Marks instead of sealing: the first byte names the epoch. */
class Marker implements StateSealer {
  epoch = 1
  seal(_key: Buffer, plain: Uint8Array): Buffer {
    return Buffer.concat([Buffer.from([this.epoch]), plain])
  }
  open(_key: Buffer, envelope: Buffer): Buffer {
    return envelope.subarray(1)
  }
}

function setUp() {
  const plain = new PlainDatabase()
  const marker = new Marker()
  const names = new NameHashes(Buffer.alloc(32))
  const make = (): StateLog => new StateLog(plain as unknown as Lmdb, names, marker)
  const read = (): Map<string, string> => {
    const state = new Map<string, string>()
    for (const { value } of plain.getRange()) applyChanges(state, value.subarray(1))
    return state
  }
  return { plain, marker, make, read }
}

const entry = fc.record({
  key: fc.integer({ min: 0, max: 60 }).map((n) => `client-${n}`),
  value: fc.option(
    fc.nat().map((n) => `${n}`.repeat(40)),
    { nil: undefined },
  ),
})

describe('the log of a decoder state', () => {
  test('holds what a map would, across starts and changes of key', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.array(entry, { minLength: 1, maxLength: 40 }) },
      { weight: 1, arbitrary: fc.constantFrom('start' as const, 'epoch' as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 120 }), (steps) => {
        const { plain, marker, make, read } = setUp()
        const truth = new Map<string, string>()
        let log = make()
        for (const one of steps) {
          if (one === 'start') log = make()
          else if (one === 'epoch') {
            const dying = marker.epoch
            marker.epoch += 1
            while (log.renewStep((envelope) => (envelope[0] ?? 0) <= dying));
            for (const { value } of plain.getRange()) expect(value[0]).toBe(marker.epoch)
          } else {
            log.add('s', packChanges(one))
            for (const { key, value } of one) {
              if (value === undefined) truth.delete(key)
              else truth.set(key, value)
            }
          }
          expect(read()).toEqual(truth)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('stays within twice the state, and no addition rewrites the whole', () => {
    const { plain, make, read } = setUp()
    const log = make()
    const entries = 4_000
    let most = 0
    for (let round = 0; round < 3_000; round += 1) {
      const before = plain.writtenBytes
      const changes = Array.from({ length: 20 }, (_, index) => ({
        key: `client-${(round * 37 + index * 101) % entries}`,
        value: `${round}`.padEnd(200, '.'),
      }))
      log.add('s', packChanges(changes))
      most = Math.max(most, plain.writtenBytes - before)
    }
    expect(read().size).toBe(entries)
    const live = entries * 215
    expect(plain.bytes()).toBeLessThan(2.3 * live)
    expect(most).toBeLessThan(live / 4)
  })
})
