import type { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { freePort } from './free-port.ts'
import type { SourceWorld } from './describe-source.ts'

export interface HttpClient {
  create(port: number, metrics: MetricsRegistry): Source
  /** One request that carries these texts. */
  request(texts: readonly string[]): {
    path: string
    body: string
    headers?: Record<string, string>
  }
}

/** A sender that keeps what it could not hand over and tries again, as real ones do. */
export async function httpWorld(client: HttpClient): Promise<SourceWorld> {
  const port = await freePort()
  let isOver = false
  let line: Promise<void> = Promise.resolve()
  const post = async (texts: readonly string[]): Promise<void> => {
    const { path, ...init } = client.request(texts)
    while (!isOver) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: 'POST',
        ...init,
      }).catch(() => undefined)
      await answer?.arrayBuffer().catch(() => undefined)
      if (answer?.ok === true) return
      await new Promise((wake) => setTimeout(wake, 10))
    }
  }
  return {
    create: (metrics) => client.create(port, metrics),
    send: async (texts) => {
      line = line.then(() => post(texts))
    },
    replays: true,
    textBytesMax: 8_192,
    deliveriesMax: 1,
    end: async () => {
      isOver = true
      await line
    },
  }
}
