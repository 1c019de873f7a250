import { createVerify, X509Certificate } from 'node:crypto'
import { parse } from './records.ts'
import type { FetchText } from './fetch-text.ts'

const TYPES = ['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation'] as const

/** https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html */
export interface SnsMessage {
  readonly type: (typeof TYPES)[number]
  readonly id: string
  readonly topic: string
  readonly message: string
  readonly timestamp: string
  readonly subject: string | undefined
  readonly token: string | undefined
  readonly subscribeUrl: string | undefined
  readonly certUrl: string
  readonly version: '1' | '2'
  readonly signature: string
}

/** A message whose fields are there; undefined for anything else. Nothing is verified yet. */
export function readSnsMessage(text: string): SnsMessage | undefined {
  const given = parse(text)
  const of = (name: string): string | undefined => {
    const value = given?.[name]
    return typeof value === 'string' ? value : undefined
  }
  const type = TYPES.find((one) => one === of('Type'))
  const [id, topic, message, timestamp] = [
    of('MessageId'),
    of('TopicArn'),
    of('Message'),
    of('Timestamp'),
  ]
  const [version, signature, certUrl] = [
    of('SignatureVersion'),
    of('Signature'),
    of('SigningCertURL') ?? of('SigningCertUrl'),
  ]
  if (type === undefined || id === undefined || id.length > 200 || topic === undefined)
    return undefined
  if (message === undefined || timestamp === undefined || certUrl === undefined) return undefined
  if (signature === undefined || (version !== '1' && version !== '2')) return undefined
  const subscribeUrl = of('SubscribeURL')
  const [subject, token] = [of('Subject'), of('Token')]
  if (type !== 'Notification' && (subscribeUrl === undefined || token === undefined))
    return undefined
  return {
    ...{ type, id, topic, message, timestamp, subject, token },
    ...{ subscribeUrl, certUrl, version, signature },
  }
}

/** What is signed: names and values of these fields, a line each, in this order. */
export function signedText(message: SnsMessage): string {
  const { message: body, id, timestamp, topic, type } = message
  const rest: (readonly [string, string | undefined])[] =
    type === 'Notification'
      ? [['Subject', message.subject]]
      : [['SubscribeURL', message.subscribeUrl]]
  const token = type === 'Notification' ? undefined : message.token
  const fields = [
    ['Message', body],
    ['MessageId', id],
    ...rest,
    ['Timestamp', timestamp],
    ['Token', token],
    ['TopicArn', topic],
    ['Type', type],
  ] as const
  return fields
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join('')
}

const HOST = /^sns\.[a-z0-9-]{3,40}\.amazonaws\.com(?:\.cn)?$/
const CERT_PATH = /^\/SimpleNotificationService(?:-[0-9a-zA-Z]{1,64})?\.pem$/

/** An address at Amazon SNS itself, over TLS on the usual port, without a user. */
export function snsUrl(text: string | undefined): URL | undefined {
  if (text === undefined || text.length > 4_096 || !URL.canParse(text)) return undefined
  const url = new URL(text)
  const isPlain = url.port === '' && url.username === '' && url.password === ''
  return url.protocol === 'https:' && isPlain && HOST.test(url.hostname) ? url : undefined
}

/** The address that confirms the subscription to this very topic, and does nothing else. */
export function confirmUrl(message: SnsMessage): URL | undefined {
  const url = snsUrl(message.subscribeUrl)
  const isConfirm =
    url?.searchParams.get('Action') === 'ConfirmSubscription' &&
    url.searchParams.get('TopicArn') === message.topic
  return isConfirm ? url : undefined
}

const CERTS_MAX = 16
const FETCHES_MAX = 4

export type Verdict = 'valid' | 'certificate_url' | 'certificate' | 'signature' | 'unavailable'

/** Verifies signatures with certificates that are fetched once and kept. */
export class SnsVerifier {
  readonly #fetch: FetchText
  readonly #certs = new Map<string, X509Certificate>()
  readonly #underWay = new Map<string, Promise<X509Certificate | undefined>>()

  constructor(fetch: FetchText) {
    this.#fetch = fetch
  }

  async verify(message: SnsMessage, nowMs: number): Promise<Verdict> {
    const url = snsUrl(message.certUrl)
    if (url === undefined || url.search !== '' || !CERT_PATH.test(url.pathname)) {
      return 'certificate_url'
    }
    const cert = await this.#certificate(url.href)
    if (cert === undefined) return 'unavailable'
    const isTimely = Date.parse(cert.validFrom) <= nowMs && nowMs <= Date.parse(cert.validTo)
    if (!isTimely || cert.publicKey.asymmetricKeyType !== 'rsa') return 'certificate'
    const algorithm = message.version === '1' ? 'RSA-SHA1' : 'RSA-SHA256'
    const verify = createVerify(algorithm).update(signedText(message), 'utf8')
    return verify.verify(cert.publicKey, message.signature, 'base64') ? 'valid' : 'signature'
  }

  /** Undefined where it cannot be had now; the next message tries again. */
  async #certificate(url: string): Promise<X509Certificate | undefined> {
    const kept = this.#certs.get(url)
    if (kept !== undefined) return kept
    const before = this.#underWay.get(url)
    if (before !== undefined) return before
    if (this.#underWay.size >= FETCHES_MAX) return undefined
    const fetching = this.#load(url).finally(() => this.#underWay.delete(url))
    this.#underWay.set(url, fetching)
    return fetching
  }

  async #load(url: string): Promise<X509Certificate | undefined> {
    try {
      const { status, text } = await this.#fetch(url)
      if (status !== 200) return undefined
      const cert = new X509Certificate(text)
      const [oldest] = this.#certs.keys()
      if (this.#certs.size >= CERTS_MAX && oldest !== undefined) this.#certs.delete(oldest)
      this.#certs.set(url, cert)
      return cert
    } catch {
      return undefined
    }
  }
}
