import { plainIp } from '../mosquitto/address.ts'
import { endpoint } from '../network/endpoint.ts'
import { compact } from '../document/values.ts'
import { type Outcome, told, type Told } from '../network/told.ts'
import { observerOf, queryOf, serverWords } from './query.ts'

const NAME = String.raw`'?([^\s'/]{1,255})/([A-Z0-9]+)(?:/([A-Z]+))?'?`
const VALIDATION = new RegExp(
  String.raw`^(?:error \()?(?:validating (?:@0x[0-9a-f]+: )?${NAME}: |broken trust chain\)? resolving ${NAME}` +
    String.raw`|insecurity proof failed resolving ${NAME}` +
    String.raw`|no valid (?:RRSIG|DS|KEY|NSEC|signature)\S* resolving ${NAME})`,
)
const UNSIGNED = new RegExp(
  'no valid|insecure|verify failed|failed to verify|bad cache hit|broken trust|expired|not yet valid|no signature' +
    '|unable to find|must be secure|SERVFAIL|mismatch|attempting (?:negative|insecurity)',
)
const TRANSFER =
  /^(?:0x[0-9a-f]+: )?transfer of '([^'\s]{1,255})\/[A-Z]+(?:\/\S+)?' from ([0-9a-f.:%\w]+)#(\d{1,5}): (.*)$/
const ZONE = /^zone ([^\s/]{1,255})\/\S+?: (?:\(\S+\) )?(.*)$/
const ZONE_FAULT = new RegExp(
  '^(?:not loaded|loading .* failed|expired|refused notify|refresh: (?:failure|retry|unexpected|could|CNAME|NODATA' +
    '|non-auth)|.*(?:failed|denied|could not|unable|no TTL|has no|out of range' +
    '|bad owner|journal rollforward failed|got invalid))',
)
const CONTROL = /^received control channel command '(.{0,300})'/
const FAULT = new RegExp(
  "^(?:could not|couldn't|can't|cannot|creating .* failed|loading configuration: " +
    '|.*permission denied|.*out of memory' +
    '|.*: (?:file not found|address in use|failure)|unable to|isc_|ns_|dns_\\w+\\(?.*fail' +
    '|the working directory|none:0' +
    '|.*open: .*|.*failed$|exiting \\(due to|.* quota reached|too many|zone .* failed|/[^ ]+:\\d+: |adb: quota)',
)

export type AboutServer = Told | string

const network = (
  outcome: Outcome,
  code: string,
  reason: string,
  address?: string,
  port?: number,
  name?: string,
): Told =>
  told('network-transaction', ['network'], ['connection', 'protocol'], outcome, code, {
    event: { reason: reason.slice(0, 300) },
    ...compact({
      destination: address === undefined ? undefined : endpoint({ address, port }),
      dns: name === undefined ? undefined : { question: { name: name.toLowerCase() } },
    }),
    network: { protocol: 'dns' },
    observer: observerOf('BIND', undefined),
  })

/** A line of BIND that is about no client: an event, the class of a routine line, or undefined. */
export function aboutServer(text: string, level: string | undefined): AboutServer | undefined {
  if (text.startsWith('starting BIND')) return serverWords('service-start', text, 'BIND')
  if (text === 'exiting') return serverWords('service-stop', text, 'BIND')
  const control = CONTROL.exec(text)
  if (control !== null) return controlled('success', control[1] ?? '')
  if (/^(?:invalid command from|rejected command channel message)/.test(text)) {
    return controlled('failure', text)
  }
  if (/^reloading (?:configuration|zones) (?:succeeded|failed)/.test(text)) {
    const outcome = text.includes('failed') ? 'failure' : 'success'
    const event = { reason: text.slice(0, 300) }
    return told('config-change', ['configuration'], ['change'], outcome, 'reload', { event })
  }
  return transferOf(text) ?? zoneOf(text) ?? answerOf(text) ?? ownOf(text, level)
}

function controlled(outcome: Outcome, command: string): Told {
  const event = { reason: command.slice(0, 300) }
  return told('api-call', ['configuration'], ['access'], outcome, 'control', { event })
}

function transferOf(text: string): Told | string | undefined {
  const found = TRANSFER.exec(text)
  if (found === null) return undefined
  const [, name, address, port, words = ''] = found
  if (/^(?:Transfer status: success|Transfer completed)/.test(words)) {
    return network('success', 'transfer', words, address, Number(port), name)
  }
  if (
    /fail|Transfer status|error|refused|denied|reset|timed out|unreachable|exceeded|not /.test(
      words,
    )
  ) {
    return network('failure', 'transfer', words, address, Number(port), name)
  }
  return 'transfer'
}

function zoneOf(text: string): Told | string | undefined {
  const found = ZONE.exec(text)
  if (found === null) return undefined
  const [, name, words = ''] = found
  if (!ZONE_FAULT.test(words)) return 'zone'
  const peer = /([0-9a-f.:]{2,45})#(\d{1,5})/.exec(words)
  const ip = peer === null ? undefined : plainIp(peer[1] ?? '')
  return network('failure', 'zone', words, ip, peer === null ? undefined : Number(peer[2]), name)
}

/** Answers whose signatures do not hold; other troubles of other people's servers are routine. */
function answerOf(text: string): Told | string | undefined {
  const found = VALIDATION.exec(text.trimStart())
  if (found !== null) {
    if (!UNSIGNED.test(text)) return 'dnssec'
    const [name, type] = found.slice(1).filter((part) => part !== undefined)
    return queryOf({
      ...{ name, type, kind: 'answer', code: 'validation-failure', outcome: 'failure' },
      ...{ reason: text.trim().slice(0, 300), product: 'BIND' },
    })
  }
  return / resolving '/.test(text) ||
    /^(?:lame server|DNS format error|success resolving)/.test(text)
    ? 'resolver'
    : undefined
}

function ownOf(text: string, level: string | undefined): Told | string | undefined {
  const severe = level === 'error' || level === 'critical'
  if (severe || FAULT.test(text)) return serverWords('service-error', text, 'BIND')
  return WORD.exec(text) === null ? undefined : 'status'
}

const WORD = new RegExp(
  [
    String.raw`^(?:zone |managed-keys|running|loading|listening|reloading|received control|using `,
    String.raw`|sizing|set up|automatic|command channel|configuring|all zones|any newly|client |transfer `,
    String.raw`|resolver|network |lame|success|timed out|validating|no valid|found |built|compiled`,
    String.raw`|BIND |adjusted|generating|sending notifies|shutting|stopping|checkhints|dumping`,
    String.raw`|statistics|error \(|broken trust|additionally|clients-per|insecurity|linked|reusing`,
    String.raw`|address not available|DNS format|FORMERR|SERVFAIL|REFUSED|-+$|\+\+\+|---|flush|freez`,
    String.raw`|thaw|query logging|debug level|no longer listening|none|rpz: |rpz_|catz: |trust-anchor`,
    String.raw`|keymgr|DNSKEY|Key |next key event|reconfiguring|scheduled|unknown |missing|skipping`,
    String.raw`|gave up|loop detected|bad cookie|serve-stale|obtaining|initializing|initialized|the `,
    String.raw`|GeoIP|config|ENGINE|ed25519|libxml|json-c|zlib|threads|corporation|support|deprecated|option|'|")`,
  ].join(''),
)
