/**
 * The listeners of one real server under kill -9, a stall, a full journal and restarts: what was
 * acknowledged is stored, and once where that is promised. A further listener is a line of `PEERS`.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EcsDoc } from '../../src/model/event.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { AdversityRig, isBuilt } from './adversity-rig.ts'
import { closePeers, type Outcome, type Peer, PEERS } from './listener-peers.ts'

const KILLS = Number(process.env['PICKET_LISTENER_KILLS'] ?? 2)
const BATCH = 10

/** Sends batch after batch, each until it is acknowledged, and keeps what became of them. */
class Sending {
  readonly acknowledged = new Set<string>()
  readonly sent = new Set<string>()
  readonly refusals: Extract<Outcome, { kind: 'refused' }>[] = []
  unknown = 0
  pad = ''
  readonly #peer: Peer
  readonly #port: number
  #isOver = false
  #count = 0
  #line: Promise<void> = Promise.resolve()
  fault: unknown

  constructor(peer: Peer, port: number) {
    this.#peer = peer
    this.#port = port
  }

  start(): void {
    this.#line = this.#run().catch((error: unknown) => {
      this.fault = error
    })
  }

  /** Resolves when the batch under way is acknowledged. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#line
    if (this.fault !== undefined) throw this.fault
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const names = Array.from({ length: BATCH }, () => `${this.#peer.name}-${this.#count++}`)
      for (const name of names) this.sent.add(name)
      await this.#until(names)
      for (const name of names) this.acknowledged.add(name)
      await sleep(20)
    }
  }

  async #until(names: readonly string[]): Promise<void> {
    const attempt = randomUUID()
    // The same bytes at each attempt: a redelivery.
    const { pad } = this
    for (;;) {
      const outcome = await this.#peer.send(this.#port, names, attempt, pad)
      if (outcome.kind === 'acknowledged') return
      if (outcome.kind === 'refused') this.refusals.push(outcome)
      else this.unknown += 1
      await sleep(100)
    }
  }
}

const seed = Number(process.env['PICKET_LISTENER_SEED'] ?? randomBytes(4).readUInt32LE())
const title = `listeners of a server in adversity, seed ${seed}`

if (!isBuilt) {
  const mustRun = process.env['REQUIRE_SERVICES'] === '1'
  test.skipIf(!mustRun)('the server is not built (npm run build)', () => expect(isBuilt).toBe(true))
}

describe.skipIf(!isBuilt)(title, () => {
  const sendings = new Map<Peer, Sending>()
  let isTrimming = false
  let stored: ReadonlyMap<string, EcsDoc[]> = new Map()
  let rig: AdversityRig

  beforeAll(async () => {
    let state = seed
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    }
    const sources: Record<string, unknown> = {}
    for (const peer of PEERS) {
      const port = await freePort()
      sources[peer.name] = peer.source(port)
      sendings.set(peer, new Sending(peer, port))
    }
    rig = new AdversityRig(() => ({
      sources,
      filter: { policy: [{ name: 'all', when: '*', keep: 'security', reason: 'counted' }] },
      journal: { bytes_max: '64MiB', trim_interval: isTrimming ? '300ms' : '1d' },
    }))
    await rig.start()
    const all = [...sendings.values()]
    for (const sending of all) sending.start()
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(200 + random() * 800)
      await rig.kill()
      await sleep(100)
      await rig.start()
    }
    // Stalled: answers come too late for the senders, who send again.
    process.kill(rig.pid, 'SIGSTOP')
    await sleep(2_500)
    process.kill(rig.pid, 'SIGCONT')
    // Full: nothing is trimmed, and large events fill it.
    const pad = randomBytes(60_000).toString('base64')
    const before = all.map(({ refusals }) => refusals.length)
    for (const sending of all) sending.pad = pad
    const answering = PEERS.filter((peer) => peer.refusals.length > 0)
    await rig.until('all are refused', () =>
      answering.every((peer) => {
        const sending = sendings.get(peer)!
        return (
          sending.fault !== undefined || sending.refusals.length > before[all.indexOf(sending)]!
        )
      }),
    )
    for (const sending of all) sending.pad = ''
    await sleep(500)
    isTrimming = true
    // Ended in order, with senders that are not told beforehand; it heals, now that it trims.
    await rig.stop()
    await rig.start()
    await sleep(1_000)
    await Promise.all(all.map((sending) => sending.end()))
    closePeers()
    for (const [peer, { acknowledged }] of sendings) {
      if (peer.isLossy !== true) for (const name of acknowledged) rig.written.add(name)
    }
    stored = await rig.stopAndRead()
  }, 600_000)
  afterAll(async () => {
    closePeers()
    await rig?.remove()
  })

  test.each(PEERS)('$name: everything that was acknowledged is stored', (peer) => {
    const { acknowledged, sent } = sendings.get(peer)!
    expect(acknowledged.size).toBeGreaterThanOrEqual(2 * BATCH)
    const own = [...stored.keys()].filter((name) => name.startsWith(`${peer.name}-`))
    expect(own.filter((name) => !sent.has(name))).toEqual([])
    const lost = [...acknowledged].filter((name) => !stored.has(name))
    if (peer.isLossy === true) {
      // What stood in the buffers of the connection when it died, and no more.
      expect(lost.length).toBeLessThan(acknowledged.size / 2)
    } else expect(lost).toEqual([])
  })

  test.each(PEERS.filter(({ isOnce }) => isOnce))('$name: and once', (peer) => {
    const more = [...stored].filter(([name, docs]) => {
      return name.startsWith(`${peer.name}-`) && docs.length > 1
    })
    expect(more.map(([name]) => name)).toEqual([])
    if (peer.isLossy !== true) expect(sendings.get(peer)!.unknown).toBeGreaterThan(0)
  })

  test.each(PEERS.filter(({ refusals }) => refusals.length > 0))(
    '$name: a full journal is told, and when to come again',
    (peer) => {
      const { refusals } = sendings.get(peer)!
      expect(refusals.length).toBeGreaterThan(0)
      for (const { status, retryAfter } of refusals) {
        expect(peer.refusals).toContain(status)
        expect(Number(retryAfter)).toBeGreaterThan(0)
      }
    },
  )
})
