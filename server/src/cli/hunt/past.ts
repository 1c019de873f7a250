import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SILENT } from '../../base/log.ts'
import { ProblemError } from '../../base/problems.ts'
import { loadConfig } from '../../config/config.ts'
import type { EventSource, RollupSource } from '../../hunt/hunt.ts'
import { controlSocket } from '../../state/location.ts'
import { connectStore, type ConnectOptions } from '../../store/client.ts'
import { startStoreEngine } from '../../store/engine/engine.ts'
import { streamRollups } from '../../store/search/rollup-stream.ts'
import { streamEvents } from '../../store/search/stream.ts'
import { openDataDir } from '../../vault/directory.ts'
import type { CliContext } from '../context.ts'
import type { DeskOptions } from '../desk.ts'
import { createSocketClient, isServed } from '../socket-client.ts'

export interface Past {
  readonly source: EventSource
  readonly rollups: RollupSource
  close(): Promise<void>
}

/**
 * The store of a running server, by a pass from its control socket; else the data directory is
 * taken and its store started for this command. Either way the work is done in this process.
 */
export async function openPast(flags: DeskOptions, context: CliContext): Promise<Past> {
  const loaded = await loadConfig(flags.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  const data = flags.data ?? loaded.value.data
  const socket = controlSocket(data)
  if (existsSync(socket) && (await isServed(socket))) {
    const pass = await createSocketClient(socket).post('/api/v1/store/pass')
    const reader = connectStore(pass as ConnectOptions)
    return { ...sourcesOf(reader), close: () => reader.close() }
  }
  const folder = join(data, 'store')
  if (!existsSync(folder)) {
    const message = 'No server is running on this data directory, and it holds no events.'
    const hint = 'name the data directory with --data'
    throw new ProblemError({ code: 'STATE_MISSING', message, at: { file: data }, hint })
  }
  const dataDir = await openDataDir(data)
  const { memory_max: memoryBytesMax, threads_max: threadsMax } = loaded.value.store
  const started = startStoreEngine({
    dataDir: join(dataDir.path, 'store'),
    limits: { memoryBytesMax, threadsMax },
    log: SILENT,
    metrics: context.metrics,
  })
  if (!started.ok) {
    dataDir.release()
    throw new ProblemError(started.problem)
  }
  const engine = started.value
  const close = async (): Promise<void> => {
    await engine.stop()
    dataDir.release()
  }
  if (await engine.whenReady(AbortSignal.timeout(START_MS_MAX))) {
    return { ...sourcesOf(engine.client('reader')), close }
  }
  const state = engine.state()
  await close()
  throw new ProblemError(
    state.kind === 'down'
      ? state.problem
      : { code: 'STORE_UNAVAILABLE', message: 'The store did not start in time.' },
  )
}

const START_MS_MAX = 60_000

function sourcesOf(reader: ReturnType<typeof connectStore>): Pick<Past, 'source' | 'rollups'> {
  const queryName = `picket-hunt-${randomBytes(12).toString('hex')}`
  return {
    source: (how) => streamEvents({ reader, queryName }, how),
    rollups: (range) => streamRollups({ reader, queryName }, range),
  }
}
