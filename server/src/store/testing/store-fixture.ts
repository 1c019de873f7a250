import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { EcsDoc, SecurityEvent } from '../../model/event.ts'
import { startStoreEngine } from '../engine/engine.ts'
import type { StoreEngine } from '../engine/engine.ts'

export interface StoreFixture {
  readonly engine: StoreEngine
  readonly metrics: MetricsRegistry
  readonly dir: string
  close(): Promise<void>
}

/** A real engine in a directory of its own. */
export async function openStoreFixture(): Promise<StoreFixture> {
  const dir = mkdtempSync(join(tmpdir(), 'picket-store-'))
  const metrics = new MetricsRegistry()
  const started = startStoreEngine({
    dataDir: dir,
    backoff: { minMs: 10, maxMs: 100 },
    log: SILENT,
    metrics,
  })
  if (!started.ok) throw new Error(started.problem.message)
  const engine = started.value
  await engine.whenReady()
  return {
    engine,
    metrics,
    dir,
    close: async () => {
      await engine.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** 2026-11-22T00:00:00Z */
export const TEST_DAY_MS = Date.UTC(2026, 10, 22)

/** An event of a broker's log as the normalizer makes one. */
export function brokerEvent(id: string, timeMs: number, more: EcsDoc = {}): SecurityEvent {
  const doc: EcsDoc = {
    '@timestamp': new Date(timeMs).toISOString(),
    event: {
      id,
      kind: 'event',
      category: ['authentication', 'network'],
      type: ['start'],
      action: 'mqtt-connect',
      outcome: 'failure',
      module: 'mosquitto',
      dataset: 'mosquitto.log',
    },
    source: { ip: '192.0.2.7', port: 50_123 },
    iot: { mqtt: { client_id: `client-${id}` } },
    ...more,
  }
  return { id, time: timeMs, doc }
}
