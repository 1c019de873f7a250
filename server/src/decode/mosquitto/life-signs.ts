import type { LifeSign } from '../../model/decoder.ts'

const CLIENT_MAX = 1_024

/**
 * What `Received PUBLISH from ID (d0, q0, r0, m0, 'TOPIC', ... (12 bytes))` tells of the device.
 * Undefined where the line is not whole: it is routine all the same.
 */
export function publishSign(message: string, timeMs: number | undefined): LifeSign | undefined {
  const flags = message.indexOf(', q')
  const from = flags - 4
  // " (d0" stands before it; another one would be within the client id or the topic.
  if (flags < 0 || !message.startsWith(' (d', from)) return undefined
  const quote = message.indexOf(", '", flags)
  const end = message.lastIndexOf("', ... (")
  if (quote < 0 || end < quote) return undefined
  const clientId = message.slice(22, from)
  const bytes = Number.parseInt(message.slice(end + 8), 10)
  if (clientId === '' || clientId.length > CLIENT_MAX || Number.isNaN(bytes)) return undefined
  return { action: 'mqtt-publish', clientId, timeMs, bytes, topic: message.slice(quote + 3, end) }
}

/** What `Received PINGREQ from ID` tells. */
export function pingSign(message: string, timeMs: number | undefined): LifeSign | undefined {
  const clientId = message.slice(22)
  if (clientId === '' || clientId.length > CLIENT_MAX) return undefined
  return { action: 'mqtt-ping', clientId, timeMs, bytes: 0 }
}
