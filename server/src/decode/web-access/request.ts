import type { DecodeSink, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'
import { compact, present } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { endpoint } from '../network/endpoint.ts'
import type { FindArtifact } from './firmware-path.ts'

/** One request, whichever way the server wrote it. */
export interface Request {
  readonly timeMs: number | undefined
  readonly address?: string | undefined
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly method?: string | undefined
  /** Path and query. */
  readonly path?: string | undefined
  /** Of HTTP, for example 1.1. */
  readonly version?: string | undefined
  /** Undefined where the log has none. */
  readonly status: number | undefined
  readonly bytes?: number | undefined
  readonly agent?: string | undefined
  readonly referrer?: string | undefined
  readonly host?: string | undefined
  /** What the decoder knows beside. */
  readonly more?: EcsDoc
}

const DOWNLOADS_MAX = 20_000

/**
 * Tells requests: those of firmware are downloads, whose further ranges (206) by the same client within the window
 * are routine; every other is an event of its own.
 */
export class RequestTeller {
  readonly #downloads = new KeptMap<number>('d:', DOWNLOADS_MAX)
  readonly #find: FindArtifact
  readonly #windowMs: number

  constructor(find: FindArtifact, windowMs: number) {
    this.#find = find
    this.#windowMs = windowMs
  }

  tell(request: Request, out: DecodeSink, receivedMs: number): void {
    const { path, status, method, timeMs } = request
    const reading = method === undefined || method === 'GET'
    const artifact = path === undefined || !reading ? undefined : this.#find(path)
    if (artifact === undefined || status === undefined || status === 304) {
      this.#tellOther(request, out)
      return
    }
    const ok = status >= 200 && status < 300
    if (status === 206) {
      const key = JSON.stringify([request.address, request.user, request.agent, path])
      const atMs = timeMs ?? receivedMs
      const last = this.#downloads.get(key)
      this.#downloads.set(key, last === undefined ? atMs : Math.max(atMs, last))
      if (last !== undefined && Math.abs(atMs - last) <= this.#windowMs) {
        out.routine('firmware-range')
        return
      }
    }
    const { image, model, version, device } = artifact
    const rest = { code: `http-${status}`, reason: ok ? 'Firmware was fetched' : 'Not delivered' }
    const doc = documentOf(
      request,
      eventOf(['web', 'file'], ['access'], ok ? 'success' : 'failure', rest),
    )
    const known = present({ id: device, model: present({ identifier: model }) })
    if (known !== undefined) doc['device'] = known
    doc['file'] = { name: image }
    doc['iot'] = { firmware: compact({ image, version }) }
    out.event({ timeMs, action: 'firmware-download', doc })
  }

  #tellOther(request: Request, out: DecodeSink): void {
    const { status, timeMs } = request
    const denied = status === 401 || status === 403
    const failed = status !== undefined && status >= 400
    const outcome = status === undefined ? 'unknown' : failed ? 'failure' : 'success'
    const rest = {
      code: status === undefined ? undefined : `http-${status}`,
      reason: denied ? 'Refused' : failed ? 'The request failed' : 'Answered',
    }
    const type = ['access', ...(denied ? ['denied'] : failed ? ['error'] : [])]
    const event = eventOf(['web'], type, outcome, rest)
    out.event({ timeMs, action: 'http-request', doc: documentOf(request, event) })
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#downloads.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#downloads.restore(entries)
  }

  stats(): Readonly<Record<string, number>> {
    return { downloads: this.#downloads.size, downloads_evicted: this.#downloads.evicted }
  }
}

function documentOf(request: Request, event: EcsDoc): EcsDoc {
  const { address, port, user, method, path, version, status, bytes, host, more } = request
  const [bare, query] = path === undefined ? [] : splitOnce(path)
  return compact({
    event,
    source: address === undefined ? undefined : endpoint({ address, port }),
    user: present({ name: known(user) }),
    url: present({ original: path, path: bare, query, domain: known(host) }),
    http: compact({
      version,
      request: present({ method, referrer: known(request.referrer) }),
      response: present({ status_code: status, body: present({ bytes }) }),
    }),
    user_agent: present({ original: known(request.agent) }),
    ...more,
  })
}

const known = (value: string | undefined): string | undefined =>
  value === '-' || value === '' ? undefined : value

function splitOnce(path: string): readonly [string, string | undefined] {
  const at = path.indexOf('?')
  return at < 0 ? [path, undefined] : [path.slice(0, at), path.slice(at + 1)]
}
