import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { type Context, eventOf, type ReadDocument } from '../document/json-decoder.ts'
import {
  compact,
  isObject,
  numberAt,
  objectAt,
  present,
  textAt,
  timeAt,
} from '../document/values.ts'

type Told = Omit<Draft, 'part'>

/** Resets that a device does not plan. */
const BAD_RESET = /brown|watch|wdt|panic|fault|lockup|crash|glitch|tamper|abort|exception|assert/i
const DRIFT_MAX_S = 300

/**
 * What a device says of itself: `{"device":"pump-7","time":…,"firmware":{…},"boot":{…},"clock":{…}}`
 * (docs/guide/sources/device-report.md), or the claims of an EAT in JSON (RFC 9711).
 */
export const readDeviceReport: ReadDocument = (doc, context) => {
  if (isEat(doc)) return readEat(doc, context)
  const firmware = objectAt(doc, 'firmware')
  const boot = objectAt(doc, 'boot')
  const clock = objectAt(doc, 'clock')
  if (firmware === undefined && boot === undefined && clock === undefined) return undefined
  const id = textAt(doc, 'device', 'device_id') ?? deviceOfTopic(context.topic)
  if (id === undefined) return undefined
  const timeMs = timeAt(doc, 'time', 'timestamp') ?? context.timeMs
  const device = compact({ id, model: present({ identifier: textAt(doc, 'model') }) })
  const told: Told[] = []
  const tell = (action: EventAction, event: EcsDoc, iot: EcsDoc): void =>
    void told.push({ timeMs, action, doc: { event, device, iot } })
  const facts = firmware === undefined ? undefined : firmwareOf(firmware)
  if (facts !== undefined) tell('firmware-report', firmwareEvent(facts), { firmware: facts })
  if (boot !== undefined) {
    const reason = textAt(boot, 'reason', 'reset_reason') ?? 'unknown'
    const bad = BAD_RESET.test(reason)
    const secure = boot['secure'] === false || boot['verified'] === false
    const event = eventOf(['host'], ['start'], bad || secure ? 'failure' : 'success', {
      code: `reset-${reason
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, '-')
        .slice(0, 60)}`,
      reason: secure ? 'The boot was not verified' : `Reset: ${reason}`,
    })
    const facts2 = compact({
      reason,
      count: numberAt(boot, 'count'),
      uptime: numberAt(boot, 'uptime'),
      verified: boot['verified'] ?? boot['secure'],
    })
    tell('device-boot', event, { boot: facts2 })
  }
  const drift = clock === undefined ? undefined : numberAt(clock, 'drift', 'drift_seconds')
  if (drift !== undefined) {
    const far = Math.abs(drift) > DRIFT_MAX_S
    const event = eventOf(['host'], ['info'], far ? 'failure' : 'success', {
      code: 'clock-drift',
      reason: `The clock is ${drift} s off`,
    })
    tell('device-metrics', event, { metric: { name: 'rtc-drift', value: drift, unit: 'second' } })
  }
  return told.length === 0 ? undefined : told
}

/** `devices/ID/report` and the like: the level before the last. */
function deviceOfTopic(topic: string | undefined): string | undefined {
  const levels = topic?.split('/') ?? []
  return levels.length > 1 ? levels.at(-2) : undefined
}

function firmwareOf(firmware: EcsDoc): EcsDoc {
  return compact({
    version: textAt(firmware, 'version'),
    hash: textAt(firmware, 'hash', 'sha256')?.toLowerCase(),
    expected_hash: textAt(firmware, 'expected_hash', 'expected')?.toLowerCase(),
    image: textAt(firmware, 'image', 'name'),
  })
}

function firmwareEvent(facts: EcsDoc): EcsDoc {
  const { hash, expected_hash: expected } = facts
  if (hash === undefined || expected === undefined) {
    return eventOf(['host'], ['info'], 'success', { code: 'firmware', reason: 'Firmware reported' })
  }
  const same = hash === expected
  const reason = same ? 'The firmware is the expected one' : 'The firmware is not the expected one'
  const code = same ? 'firmware-match' : 'firmware-mismatch'
  return eventOf(['host'], ['info'], same ? 'success' : 'failure', { code, reason })
}

/** Claims of RFC 9711 section 4, by their names in JSON. */
const isEat = (doc: EcsDoc): boolean =>
  'ueid' in doc || 'sueids' in doc || 'eat_profile' in doc || 'eat_nonce' in doc

function readEat(doc: EcsDoc, context: Context): Told[] | undefined {
  const id = textAt(doc, 'ueid') ?? deviceOfTopic(context.topic)
  const timeMs = timeAt(doc, 'iat') ?? context.timeMs
  const model = textAt(doc, 'hwmodel')
  const device = compact({
    id,
    manufacturer: textAt(doc, 'oemid'),
    model: present({ identifier: model, name: textAt(doc, 'hwversion') }),
  })
  const components = componentsOf(doc)
  const version = pairText(doc['swversion'])
  const name = textAt(doc, 'swname')
  const list = components.length === 0 ? [{}] : components
  const debug = textAt(doc, 'dbgstat')
  const secure = doc['oemboot']
  const told: Told[] = list.map((component) => {
    const facts = compact({ version, image: name, ...component })
    const event = measured(doc, firmwareEvent(facts))
    return {
      timeMs,
      action: 'firmware-report',
      doc: {
        event,
        device,
        iot: compact({ firmware: facts, eat: present({ debug, oemboot: secure }) }),
      },
    }
  })
  const boots = numberAt(doc, 'bootcount')
  if (boots !== undefined || 'bootseed' in doc) {
    const bad = secure === false
    const reason = bad ? 'The boot was not authorized by the maker' : 'The device booted'
    const event = eventOf(['host'], ['start'], bad ? 'failure' : 'success', {
      code: 'eat-boot',
      reason,
    })
    const boot = compact({ count: boots, uptime: numberAt(doc, 'uptime'), verified: secure })
    told.push({ timeMs, action: 'device-boot', doc: { event, device, iot: { boot } } })
  }
  return told
}

/** `measres`: results of measurements by the device itself; `fail` or `not run` is a failure. */
function measured(doc: EcsDoc, event: EcsDoc): EcsDoc {
  const text = JSON.stringify(doc['measres'] ?? [])
  if (!/"(?:fail|comparison_fail|comparison-fail)"|,[24]\]/.test(text.slice(0, 100_000)))
    return event
  return {
    ...ANEW,
    ...event,
    outcome: 'failure',
    code: 'measurement-failed',
    reason: 'A measurement failed',
  }
}

const pairText = (value: unknown): string | undefined =>
  Array.isArray(value) && typeof value[0] === 'string'
    ? value[0]
    : typeof value === 'string'
      ? value
      : undefined

const COMPONENTS_MAX = 64

/** `measurements` of `[type, content]` with PSA software components or a plain digest, and the PSA claim. */
function componentsOf(doc: EcsDoc): readonly EcsDoc[] {
  const found: EcsDoc[] = []
  const psa = doc['psa-software-components'] ?? doc['software-components']
  const lists = [psa, ...contentsOf(doc['measurements'])]
  for (const list of lists) {
    for (const item of Array.isArray(list) ? (list as unknown[]) : [list]) {
      if (!isObject(item) || found.length >= COMPONENTS_MAX) continue
      const hash = textAt(item, 'measurement-value', 'measurement_value', 'hash', 'digest', 'value')
      const component = present({
        hash: hash?.toLowerCase() === undefined ? undefined : hash,
        expected_hash: textAt(item, 'expected', 'expected_hash', 'reference-value'),
        image: textAt(item, 'measurement-type', 'measurement_type', 'name'),
        version: textAt(item, 'version'),
      })
      if (component !== undefined) found.push(component)
    }
  }
  return found
}

function contentsOf(measurements: unknown): readonly unknown[] {
  if (!Array.isArray(measurements)) return []
  return (measurements as unknown[]).slice(0, COMPONENTS_MAX).map((item) => {
    const content: unknown = Array.isArray(item) ? item[1] : item
    if (typeof content !== 'string') return content
    try {
      return JSON.parse(content) as unknown
    } catch {
      return { hash: content }
    }
  })
}
