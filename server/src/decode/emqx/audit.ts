import type { EcsDoc } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'
import { compact, listAt, numberAt, objectAt, present, textAt } from '../document/values.ts'
import { endpoint } from '../network/endpoint.ts'
import type { Told } from './ending.ts'

/**
 * An entry of EMQX's audit log: what was called over REST, in the dashboard, or on the command line
 * (EMQX documentation, "Audit Log"). Undefined for anything else.
 */
export function auditDraft(doc: EcsDoc, timeMs: number | undefined): Told {
  const from = textAt(doc, 'from')
  if (from === undefined || !/^(?:dashboard|rest_api|cli|erlang_console|event)$/.test(from))
    return undefined
  const operation = textAt(doc, 'operation_id')
  const command = textAt(doc, 'cmd')
  if (operation === undefined && command === undefined && from !== 'erlang_console')
    return undefined
  const request = objectAt(doc, 'http_request') ?? {}
  const status = numberAt(doc, 'http_status_code')
  const failed = textAt(doc, 'operation_result') === 'failure' || (status ?? 0) >= 400
  const verb = textAt(doc, 'http_method')?.toLowerCase()
  const login = operation?.startsWith('/login') === true || operation?.startsWith('/sso/login')
  const address = textAt(doc, 'source_ip')
  const words = [command, ...(listAt(doc, 'args') ?? [])].filter((word) => word !== undefined)
  const outcome = failed ? 'failure' : 'success'
  const reason = operation === undefined ? words.join(' ') : `${verb ?? ''} ${operation}`.trim()
  const type =
    verb === 'post'
      ? 'creation'
      : verb === 'delete'
        ? 'deletion'
        : verb === 'get'
          ? 'access'
          : 'change'
  return {
    timeMs,
    action: login === true ? 'user-login' : verb === 'get' ? 'api-call' : 'config-change',
    doc: compact({
      event: eventOf(
        [login === true ? 'authentication' : 'configuration'],
        [login === true ? 'start' : type],
        outcome,
        { code: textAt(doc, 'operation_type') ?? from, reason: (reason || from).slice(0, 500) },
      ),
      user: present({ name: textAt(doc, 'source') }),
      source: address === undefined ? undefined : endpoint({ address }),
      http: present({
        request: present({ method: verb?.toUpperCase() }),
        response: status === undefined ? undefined : { status_code: status },
      }),
      user_agent: present({ original: textAt(objectAt(request, 'headers') ?? {}, 'user-agent') }),
      observer: compact({
        vendor: 'EMQ',
        product: 'EMQX',
        type: 'broker',
        name: textAt(doc, 'node'),
      }),
    }),
  }
}
