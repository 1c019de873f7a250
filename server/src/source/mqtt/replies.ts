import { ownText } from '../../base/own-text.ts'
import {
  type DefenderReply,
  replyToReport,
  reportTopic,
} from '../../decode/aws-device-defender/reply.ts'

/** Things whose last report is remembered, in each of two generations. */
const THINGS_MAX = 50_000

export interface ReportMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly receivedMs: number
  /** It was known already: its answer may have been lost, and is given again. */
  readonly isKnown: boolean
}

/**
 * Answers Device Defender reports as the service does. Which thing reported last when is kept for the
 * last 50,000 to 100,000 things; a restart forgets it, so that one report too many is accepted then.
 */
export class ReportReplies {
  readonly #intervalMs: number
  readonly #thingsMax: number
  #young = new Map<string, number>()
  #old = new Map<string, number>()

  constructor(intervalMs: number, thingsMax = THINGS_MAX) {
    this.#thingsMax = thingsMax
    this.#intervalMs = intervalMs
  }

  /** Undefined where the message is no report, going by its topic. */
  replyTo({ topic, payload, receivedMs, isKnown }: ReportMessage): DefenderReply | undefined {
    const place = reportTopic(topic)
    if (place === undefined) return undefined
    const { thing } = place
    const lastMs = this.#young.get(thing) ?? this.#old.get(thing)
    // A clock that was set back must not throttle a thing for hours.
    const sinceMs = lastMs === undefined ? Infinity : Math.abs(receivedMs - lastMs)
    const reply = replyToReport(topic, payload, receivedMs)
    // What can be seen of a report that cannot be read helps more than that it came too soon.
    if (reply?.accepted !== true || isKnown || this.#intervalMs === 0) return reply
    if (sinceMs < this.#intervalMs) return replyToReport(topic, payload, receivedMs, true)
    this.#note(thing, receivedMs)
    return reply
  }

  #note(thing: string, receivedMs: number): void {
    this.#young.set(ownText(thing), receivedMs)
    if (this.#young.size < this.#thingsMax) return
    this.#old = this.#young
    this.#young = new Map()
  }
}
