import type { EcsDoc } from '../../model/event.ts'
import { present } from '../document/values.ts'

export interface HttpFacts {
  readonly method?: string | undefined
  readonly host?: string | undefined
  /** As on the request line: a path, or a whole URL (to a proxy). */
  readonly target?: string | undefined
  readonly scheme?: string | undefined
  readonly version?: string | undefined
  readonly status?: number | undefined
  readonly referrer?: string | undefined
  readonly agent?: string | undefined
  readonly requestBytes?: number | undefined
  readonly responseBytes?: number | undefined
  readonly mimeType?: string | undefined
  readonly port?: number | undefined
}

/** `http`, `url` and `user_agent` of a document. */
export function httpOf(facts: HttpFacts): EcsDoc {
  const { host, target = '' } = facts
  const absolute = target.startsWith('http://') || target.startsWith('https://')
  const from = absolute ? target.indexOf('/', 8) : 0
  const local = from < 0 ? '' : target.slice(from)
  const question = local.indexOf('?')
  const path = question < 0 ? local : local.slice(0, question)
  const dot = path.lastIndexOf('.')
  const extension = dot > path.lastIndexOf('/') ? path.slice(dot + 1) : undefined
  const domain = host === undefined ? undefined : host.replace(/:\d{1,5}$/, '')
  return {
    http: present({
      version: facts.version?.replace(/^HTTP\//i, ''),
      request: present({
        method: facts.method,
        referrer: facts.referrer,
        body: bytesOf(facts.requestBytes),
      }),
      response: present({
        status_code: facts.status,
        mime_type: facts.mimeType,
        body: bytesOf(facts.responseBytes),
      }),
    }),
    url: present({
      original: target === '' ? undefined : target,
      domain,
      port: facts.port,
      path: path.startsWith('/') ? path : undefined,
      query: question < 0 ? undefined : local.slice(question + 1),
      extension: extension === '' || (extension?.length ?? 0) > 20 ? undefined : extension,
      scheme: facts.scheme ?? (absolute ? target.slice(0, target.indexOf(':')) : undefined),
    }),
    user_agent: present({ original: facts.agent }),
  }
}

const bytesOf = (bytes: number | undefined): EcsDoc | undefined => present({ bytes })
