import { ownText } from '../base/own-text.ts'
import type { EventRef } from '../correlate/correlator.ts'
import { originOf } from '../correlate/origin.ts'
import type { SecurityEvent } from '../model/event.ts'

/** What alerts and correlations keep of an event. */
export function refOf(event: SecurityEvent, order: number): EventRef {
  const from = originOf(event.doc)
  const { time } = event
  const id = ownText(event.id)
  return from === undefined ? { id, time, order } : { id, time, order, from }
}
