import type { Call, Reply } from '../http/listener.ts'
import type { FetchText } from './fetch-text.ts'
import { confirmUrl, type SnsMessage, type SnsVerifier } from './sns-message.ts'

export type SnsReason =
  | 'topic'
  | 'certificate_url'
  | 'certificate'
  | 'signature'
  | 'unavailable'
  | 'subscribe_url'
  | 'confirmation'

type SnsOutcome =
  | { readonly kind: 'message' }
  | { readonly kind: 'done' }
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly reason: SnsReason
      readonly message: string
    }

const SAID: Readonly<Record<SnsReason, readonly [number, string]>> = {
  topic: [403, 'the topic is none of those configured'],
  certificate_url: [403, 'SigningCertURL is no address of Amazon SNS'],
  certificate: [403, 'the certificate is not valid now'],
  signature: [403, 'the signature is wrong'],
  unavailable: [503, 'the certificate cannot be had now'],
  subscribe_url: [403, 'SubscribeURL is no address of Amazon SNS that confirms this topic'],
  confirmation: [503, 'the subscription could not be confirmed now'],
}

/** Which messages of SNS are taken: those of configured topics with a good signature. */
export class SnsTopics {
  readonly #topics: ReadonlySet<string>
  readonly #verifier: SnsVerifier
  readonly #fetch: FetchText

  constructor(topics: readonly string[], verifier: SnsVerifier, fetch: FetchText) {
    this.#topics = new Set(topics)
    this.#verifier = verifier
    this.#fetch = fetch
  }

  admit(call: Call): Reply | undefined {
    if (this.#topics.size === 0) {
      return { status: 404, body: { errorMessage: 'no topics are configured' } }
    }
    if (call.headers['x-amz-sns-rawdelivery'] !== 'true') return undefined
    return {
      status: 400,
      body: { errorMessage: 'raw delivery carries no signature: switch it off' },
    }
  }

  /** Verifies a message; a subscription is confirmed on the way. */
  async check(message: SnsMessage, nowMs: number): Promise<SnsOutcome> {
    // Anyone with an account can have SNS sign messages of a topic of theirs.
    if (!this.#topics.has(message.topic)) return refused('topic')
    const verdict = await this.#verifier.verify(message, nowMs)
    if (verdict !== 'valid') return refused(verdict)
    if (message.type === 'Notification') return { kind: 'message' }
    if (message.type === 'UnsubscribeConfirmation') return { kind: 'done' }
    const url = confirmUrl(message)
    if (url === undefined) return refused('subscribe_url')
    try {
      const { status } = await this.#fetch(url.href)
      return status === 200 ? { kind: 'done' } : refused('confirmation')
    } catch {
      return refused('confirmation')
    }
  }
}

function refused(reason: SnsReason): SnsOutcome {
  const [status, message] = SAID[reason]
  return { kind: 'refused', status, reason, message }
}
