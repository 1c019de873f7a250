import { ANEW } from '../../base/anew.ts'
import type { DecodeSink, Decoder, Draft, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { cloudOf } from '../aws-device-defender/metric.ts'
import { decodeDelivery, type Teller } from '../document/document-decoder.ts'
import type { Payload } from '../document/payloads.ts'
import { compact, numberAt, textAt, timeAt } from '../document/values.ts'
import { takeoverOf } from '../network/takeover.ts'
import { addressOf, principalOf } from './identity.ts'
import { ShadowJoin } from './join.ts'
import { type LogFacts, logDraft, logFields, looksLikeLog, readLog } from './logs.ts'
import type { Actor, Place } from './pieces.ts'
import { lifecycleDraft, managementDraft } from './registry-events.ts'
import { readShadow, shadowTopic } from './shadow.ts'

/** Events of the join are numbered from here, the others of the same delivery from 0. */
const HELD_PART = 500_000
const ORIGINAL_MAX = 65_536

/** Reads what AWS IoT Core writes of itself, and joins who changed a shadow. */
export class AwsIotDecoder implements Decoder {
  readonly #join: ShadowJoin
  #held = 0
  readonly #touched = new Set<string>()

  constructor(windowMs: number) {
    this.#join = new ShadowJoin(windowMs)
  }

  decode(item: RawItem, out: DecodeSink): void {
    this.#held = 0
    this.#touched.clear()
    const { held, told } = decodeDelivery(item, out, this.#read)
    if (held > 0) this.#join.waits(item.key, held, told)
    this.#join.tellDue(this.#touched, item.receivedMs, out)
  }

  settle(out: DecodeSink, quiet = false, nowMs?: number): void {
    // Its records come by several ways, of which each is buffered for a minute or so: quiet is no end.
    if (quiet && nowMs !== undefined) this.#join.tellDue([], nowMs, out)
    else this.#join.settle(out)
  }

  waitsSinceMs(): number | undefined {
    return this.#join.waitsSinceMs()
  }

  takeChanges(): readonly StateChange[] {
    return this.#join.takeChanges()
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#join.restore([...entries])
  }

  stats(): Readonly<Record<string, number>> {
    return this.#join.stats()
  }

  readonly #read = (payload: Payload, item: RawItem, tell: Teller): void => {
    const { value, envelope } = payload
    if (looksLikeLog(value)) return this.#log(payload, item, tell)
    const lifecycle = lifecycleDraft(value, envelope)
    if (lifecycle !== undefined) {
      tell.event(this.#takeover(lifecycle, presenceOf(value), item))
      if (lifecycle.action === 'mqtt-connect') this.#presence(value, lifecycle.timeMs, item)
      return
    }
    const management = managementDraft(value, envelope)
    if (management !== undefined) return tell.event(management)
    if (this.#shadow(payload, item, tell)) return
    tell.reject('DECODE_UNKNOWN', 'AWS IoT Core writes no document of this form.')
  }

  #log(payload: Payload, item: RawItem, tell: Teller): void {
    const { value, envelope } = payload
    const facts = readLog(value, envelope)
    const topic = shadowTopic(facts.topic)
    const update = topic?.verb === 'update' && topic.part === ''
    const atMs = facts.timeMs ?? item.receivedMs
    if (facts.type === 'UpdateThingShadow' && facts.thing !== undefined) {
      const shadow = this.#touch(facts.thing, topic?.name ?? textAt(value, 'shadowName') ?? '')
      this.#join.log(shadow, {
        atMs,
        timeMs: facts.timeMs,
        original: originalOf(payload, item),
        place: this.#place(item),
        traceId: facts.traceId,
        failed: facts.failed,
        actor: actorOf(facts),
        doc: updateDoc(payload, facts, topic?.name),
      })
      return tell.hold()
    }
    if (facts.type === 'Publish-In' && update && !facts.failed) {
      this.#join.publish(this.#touch(topic.thing, topic.name), {
        atMs,
        original: originalOf(payload, item),
        receivedMs: item.receivedMs,
        traceId: facts.traceId,
        actor: actorOf(facts),
      })
    }
    if (facts.type === 'Connect' && !facts.failed && facts.clientId !== undefined) {
      const { principal, ip, port } = facts
      this.#join.connected(facts.clientId, { principal, ip, port, sinceMs: atMs })
    }
    tell.event(this.#takeover(logDraft(value, facts, envelope), actorOf(facts), item))
  }

  /** A record of a takeover is one of the connection that ended. */
  #takeover(draft: Draft, loser: Actor, item: RawItem): Draft {
    if (draft.action !== 'mqtt-takeover') return draft
    const endedMs = draft.timeMs ?? item.receivedMs
    const taker = this.#join.takerOf(loser.clientId ?? '', loser, endedMs)
    const fields =
      taker === undefined
        ? undefined
        : { ...principalOf(taker.principal), source: addressOf(taker.ip, taker.port) }
    return { ...ANEW, ...draft, doc: takeoverOf(draft.doc, fields) }
  }

  #presence(value: EcsDoc, timeMs: number | undefined, item: RawItem): void {
    const { clientId = '', principal, ip } = presenceOf(value)
    this.#join.connected(clientId, { principal, ip, sinceMs: timeMs ?? item.receivedMs })
  }

  /** True if the payload belongs to a shadow. */
  #shadow(payload: Payload, item: RawItem, tell: Teller): boolean {
    const { value, envelope } = payload
    const topic = shadowTopic(envelope.topic)
    const record = readShadow(value, envelope)
    if (record === undefined) return topic !== undefined && this.#exchange(payload, tell)
    const { thing, name, version, timeMs, kind } = record
    const doc = compact({
      event: {
        kind: 'event',
        category: ['host'],
        type: ['change'],
        outcome: 'success',
        code: `shadow-${kind}`,
        reason: `Shadow${name === '' ? '' : ` ${name}`} of ${thing ?? 'an unnamed thing'} changed`,
      },
      device: thing === undefined ? undefined : { id: thing },
      cloud: cloudOf(envelope),
      iot: { shadow: record.shadow },
    })
    this.#join.document(this.#touch(thing ?? '', name), {
      atMs: timeMs ?? item.receivedMs,
      timeMs,
      original: originalOf(payload, item),
      place: this.#place(item),
      kind,
      version,
      doc,
    })
    tell.hold()
    return true
  }

  /** Requests and answers that change nothing, or say that nothing was changed. */
  #exchange({ value, envelope }: Payload, tell: Teller): boolean {
    const topic = shadowTopic(envelope.topic)
    if (topic === undefined) return false
    const { thing, name, verb, part } = topic
    if (part === '') {
      tell.routine('shadow-request')
      return true
    }
    const failed = part === 'rejected'
    const change = verb !== 'get'
    const doc = compact({
      event: compact({
        kind: 'event',
        category: ['host'],
        type: [verb === 'get' ? 'access' : verb === 'delete' ? 'deletion' : 'change'],
        outcome: failed ? 'failure' : 'success',
        code: textAt(value, 'code') ?? `shadow-${verb}-${part}`,
        reason: textAt(value, 'message') ?? `Shadow ${verb} ${part}`,
      }),
      device: { id: thing },
      cloud: cloudOf(envelope),
      iot: {
        shadow: compact({
          name: name === '' ? undefined : name,
          version: numberAt(value, 'version'),
          client_token: textAt(value, 'clientToken'),
          identity: change ? 'unknown' : undefined,
          unknown: change ? ['principal', 'address', 'fields'] : undefined,
        }),
      },
    })
    const timeMs = timeAt(value, 'timestamp') ?? envelope.timeMs
    tell.event({ timeMs, action: change ? 'shadow-update' : 'shadow-read', doc })
    return true
  }

  #touch(thing: string, name: string): string {
    const shadow = `${thing}/${name}`.slice(0, 512)
    this.#touched.add(shadow)
    return shadow
  }

  #place(item: RawItem): Place {
    const { key, receivedMs, facts } = item
    const part = HELD_PART + this.#held
    this.#held += 1
    return facts === undefined ? { key, receivedMs, part } : { key, receivedMs, facts, part }
  }
}

function actorOf({ principal, ip, port, clientId }: LogFacts): Actor {
  return compact({ principal, ip, port, clientId })
}

const presenceOf = (value: EcsDoc): Actor =>
  compact({
    principal: textAt(value, 'principalIdentifier'),
    ip: textAt(value, 'ipAddress'),
    clientId: textAt(value, 'clientId'),
  })

function updateDoc(
  { value, envelope }: Payload,
  facts: LogFacts,
  name: string | undefined,
): EcsDoc {
  const { event } = logDraft(value, facts, envelope).doc
  const { topic } = facts
  return {
    ...ANEW,
    ...logFields(value, facts, envelope),
    event,
    iot: compact({
      mqtt: topic === undefined ? undefined : { topic },
      shadow: compact({ name: name === '' ? undefined : name, told_by: 'log' }),
    }),
  }
}

/** Bounded, because it is held in memory. */
function originalOf({ value, whole }: Payload, item: RawItem): string {
  const text = whole ? item.text : JSON.stringify(value)
  return text.length > ORIGINAL_MAX ? text.slice(0, ORIGINAL_MAX) : text
}
