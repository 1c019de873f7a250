import type { Decoder, DecoderSpec } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'
import { compact } from '../document/values.ts'

const TEXT_MAX = 4_096
const VALUE = /^-?\d{1,18}(?:\.\d{1,12})?(?: seconds)?$/
/** Counters whose rise says that the broker cannot keep up. */
const OVERLOAD =
  /^\$SYS\/broker\/(?:(?:load\/)?publish\/messages\/dropped|messages\/dropped|clients\/expired)(?:\/|$)/

/**
 * `$SYS` values of Mosquitto (man page mosquitto(8), "Broker status"): the topic is a fact of the
 * message, or stands before the value as `mosquitto_sub -v` writes it. Version, uptime and dropped
 * messages are events, everything else is routine.
 */
const decoder: Decoder = {
  decode(item, out) {
    const { text } = item
    if (text.length > TEXT_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${TEXT_MAX}.`)
      return
    }
    const line = text.trim()
    if (line === '') {
      out.routine('blank')
      return
    }
    const given = item.facts?.['topic']
    const space = line.indexOf(' ')
    const topic = given ?? (space < 0 ? line : line.slice(0, space))
    const value = given === undefined ? (space < 0 ? '' : line.slice(space + 1).trim()) : line
    if (!topic.startsWith('$SYS/')) {
      out.reject('DECODE_UNKNOWN', 'No topic that begins with $SYS/ is there.')
      return
    }
    if (value === '') {
      out.reject('DECODE_FIELD', 'The topic has no value.')
      return
    }
    const number = VALUE.test(value) ? Number.parseFloat(value) : undefined
    const tell = (action: EventAction, event: EcsDoc): void => {
      const metric = { name: topic, value: number ?? value }
      const observer = compact({
        vendor: 'Eclipse',
        product: 'Mosquitto',
        type: 'broker',
        version:
          topic === '$SYS/broker/version' ? value.replace(/^mosquitto version /, '') : undefined,
      })
      out.event({ timeMs: undefined, action, doc: { event, observer, iot: { metric } } })
    }
    if (topic === '$SYS/broker/version') {
      tell(
        'device-metrics',
        eventOf(['host'], ['info'], 'success', { code: 'broker-version', reason: value }),
      )
    } else if (topic === '$SYS/broker/uptime') {
      tell(
        'device-metrics',
        eventOf(['host'], ['info'], 'success', {
          code: 'broker-uptime',
          reason: `Up for ${value}`,
        }),
      )
    } else if (OVERLOAD.test(topic) && number !== undefined && number > 0) {
      tell(
        'device-metrics',
        eventOf(['host'], ['error'], 'failure', {
          code: 'broker-overload',
          reason: `${topic} is ${value}`,
        }),
      )
    } else
      out.routine(/^\$SYS\/broker\/[a-z]{1,20}(?:\/|$)/.test(topic) ? 'metric' : 'metric-other')
  },
}

export const mosquittoSys: DecoderSpec = {
  name: 'mosquitto-sys',
  summary: 'The $SYS values of Mosquitto: version, uptime and overload; the rest is routine.',
  create: () => decoder,
}
