import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MetricsRegistry } from '../../base/metrics.ts'
import { describeSource, type SourceWorld } from '../testing/describe-source.ts'
import { PullWorld } from './testing/pull-world.ts'

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('')

async function makeWorld(
  place: (world: PullWorld) => Readonly<Record<string, unknown>>,
  put: (world: PullWorld, name: string, content: string) => Promise<void> | void,
): Promise<SourceWorld> {
  const world = await PullWorld.make()
  let count = 10_000
  return {
    create: (metrics) => world.create({ record_bytes_max: '64KiB', ...place(world) }, metrics),
    send: async (texts) => put(world, `logs/${count++}.log`, lines(texts)),
    replays: true,
    keepsKeys: true,
    textBytesMax: 65_536,
    deliveriesMax: 1,
    end: () => world.end(),
  }
}

describeSource(
  'pull from a folder',
  () =>
    makeWorld(
      () => ({ folder: { path: '.', settle: '0s' } }),
      async ({ folder }, name, content) => {
        const path = join(folder, name.replace('/', '-'))
        await writeFile(`${path}.part`, content)
        await rename(`${path}.part`, path)
      },
    ),
  () => new MetricsRegistry(),
)

describeSource(
  'pull from a bucket',
  () =>
    makeWorld(
      () => ({ bucket: { name: 'bucket', prefixes: ['logs/'] } }),
      ({ aws }, name, content) => void aws.put(name, content),
    ),
  () => new MetricsRegistry(),
)

describeSource(
  'pull from a queue',
  () =>
    makeWorld(
      (world) => world.queue,
      ({ aws }, name, content) => aws.notify(name, content),
    ),
  () => new MetricsRegistry(),
)
