import { ANEW } from '../../base/anew.ts'
import type { DecodeSink, Decoder, Draft, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { KeptMap } from '../kept-map.ts'
import { decodeDelivery, type Teller } from '../document/document-decoder.ts'
import type { Payload } from '../document/payloads.ts'
import { compact, isObject, listAt, objectAt, textAt, timeAt } from '../document/values.ts'
import {
  auditDrafts,
  checkDraft,
  findingDraft,
  looksLikeAudit,
  violationDraft,
} from './findings.ts'
import { cloudOf, type ExportedMetric, metricEvent, readExported } from './metric.ts'
import { looksLikeReport, parseReport, reportTime } from './report.ts'
import { reportTopic } from './reply.ts'

const VERSIONS_MAX = 100_000
const ORIGINAL_MAX = 65_536

interface Candidate {
  readonly exported: ExportedMetric
  readonly payload: Payload
  readonly doc: EcsDoc
}

/** Reads all that AWS IoT Device Defender, its agents and its sample forwarder write. */
export class DeviceDefenderDecoder implements Decoder {
  /** The highest version told, by thing, metric, time and dimension. */
  readonly #versions = new KeptMap<number>('v:', VERSIONS_MAX)
  #candidates = new Map<string, Candidate>()
  #superseded = 0

  decode(item: RawItem, out: DecodeSink): void {
    decodeDelivery(item, out, this.#read, this.#finish)
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#versions.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#versions.restore(entries)
  }

  stats(): Readonly<Record<string, number>> {
    return {
      versions: this.#versions.size,
      versions_evicted: this.#versions.evicted,
      superseded: this.#superseded,
    }
  }

  readonly #read = (payload: Payload, item: RawItem, tell: Teller): void => {
    const { value, envelope } = payload
    const reported = envelope.topic === undefined ? undefined : reportTopic(envelope.topic)
    if (reported !== undefined || looksLikeReport(value)) {
      this.#report(payload, reported?.thing ?? item.facts?.['thing'], tell)
      return
    }
    const metrics = listAt(value, 'metrics')
    if (metrics !== undefined) {
      for (const metric of metrics) this.#exported(metric, payload, tell)
      if (metrics.length === 0) tell.routine('export-empty')
      return
    }
    if (isObject(value['value']) && Object.hasOwn(value, 'thing')) {
      this.#exported(value, payload, tell)
      return
    }
    if (!this.#finding(payload, tell)) {
      tell.reject('DECODE_UNKNOWN', 'Device Defender writes no document of this form.')
    }
  }

  #report(payload: Payload, thing: string | undefined, tell: Teller): void {
    const { value, envelope, whole } = payload
    const parsed = parseReport(value)
    if (!parsed.ok) return tell.reject('DECODE_FIELD', `${parsed.problem}.`)
    const { id, version, metrics } = parsed.value
    if (metrics.length === 0) return tell.routine('report-empty')
    const timeMs = envelope.timeMs ?? reportTime(id)
    const text = JSON.stringify(value)
    for (const [index, metric] of metrics.entries()) {
      const words = {
        thing: thing ?? textAt(value, 'thingName', 'thing'),
        code: 'device-report',
        reason: 'reported by the device',
        defender: { report_id: id, report_version: version },
      }
      const doc = metricEvent(metric, words, envelope)
      const brief = index > 0 && text.length > ORIGINAL_MAX
      const original = brief ? JSON.stringify(metric) : whole ? undefined : text
      const draft: Draft = { timeMs, action: 'device-metrics', doc }
      tell.event(original === undefined ? draft : { ...ANEW, ...draft, original })
    }
  }

  #exported(metric: unknown, payload: Payload, tell: Teller): void {
    const exported = isObject(metric) ? readExported(metric) : undefined
    if (exported === undefined || !isObject(metric)) {
      tell.reject('DECODE_FIELD', 'A metric lacks name, thing or value.')
      return
    }
    const rival = this.#candidates.get(exported.key)
    if (rival !== undefined) this.#superseded += 1
    if (rival === undefined || rival.exported.version < exported.version) {
      this.#candidates.set(exported.key, { exported, payload, doc: metric })
    }
  }

  /** "Use the value with the highest version number and discard the others." */
  readonly #finish = (tell: Teller): void => {
    if (this.#candidates.size === 0) return
    for (const { exported, payload, doc: metricJson } of this.#candidates.values()) {
      const { metric, thing, timeMs, version, dimension, key } = exported
      const told = this.#versions.get(key)
      if (typeof told === 'number' && told >= version) {
        this.#superseded += 1
        tell.routine('metric-superseded')
        continue
      }
      this.#versions.set(key, version)
      const { envelope } = payload
      const supersedes = typeof told === 'number' ? { supersedes: told } : {}
      const words = {
        thing,
        code: 'metrics-export',
        reason: 'exported by the service',
        dimension,
        more: { version, ...supersedes },
      }
      tell.event({
        timeMs: timeMs ?? envelope.timeMs,
        action: 'device-metrics',
        doc: metricEvent(metric, words, envelope),
        original: JSON.stringify(metricJson),
      })
    }
    this.#candidates = new Map()
  }

  #finding(payload: Payload, tell: Teller): boolean {
    const { value, envelope } = payload
    const many = listAt(value, 'findings', 'violationEvents', 'activeViolations')
    if (many !== undefined) {
      if (many.length === 0) tell.routine('empty-list')
      for (const one of many) {
        const draft = isObject(one)
          ? (violationDraft(one, envelope) ?? findingDraft(one, envelope))
          : undefined
        if (draft === undefined) tell.reject('DECODE_FIELD', 'A finding has no id.')
        else tell.event({ ...ANEW, ...draft, original: JSON.stringify(one) })
      }
      return true
    }
    const single = objectAt(value, 'finding') ?? value
    const draft = violationDraft(value, envelope) ?? findingDraft(single, envelope)
    if (draft !== undefined) {
      tell.event(draft)
      return true
    }
    if (looksLikeAudit(value)) {
      for (const check of auditDrafts(value, envelope)) tell.event(check)
      return true
    }
    if (Object.hasOwn(value, 'checkName') && Object.hasOwn(value, 'checkRunStatus')) {
      tell.event(checkDraft(value, { envelope, task: undefined, timeMs: envelope.timeMs }))
      return true
    }
    return this.#reply(payload, tell)
  }

  /** What the service answered a device. */
  #reply({ value, envelope }: Payload, tell: Teller): boolean {
    const status = textAt(value, 'status')
    const thing = textAt(value, 'thingName')
    if (thing === undefined || !Object.hasOwn(value, 'reportId')) return false
    if (status === 'ACCEPTED') {
      tell.routine('report-accepted')
      return true
    }
    if (status !== 'REJECTED') return false
    const details = objectAt(value, 'statusDetails') ?? {}
    const doc = compact({
      event: compact({
        kind: 'event',
        category: ['host'],
        type: ['error'],
        outcome: 'failure',
        code: textAt(details, 'ErrorCode') ?? 'report-rejected',
        reason: textAt(details, 'ErrorMessage') ?? 'The service rejected the report',
      }),
      device: { id: thing },
      cloud: cloudOf(envelope),
      iot: { defender: { report_id: value['reportId'] } },
    })
    tell.event({ timeMs: timeAt(value, 'timestamp'), action: 'device-metrics', doc })
    return true
  }
}
