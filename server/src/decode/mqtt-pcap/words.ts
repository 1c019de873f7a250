import { ANEW } from '../../base/anew.ts'
import {
  CONNECT,
  DENIED,
  ENDED,
  type EventWords,
  FAULT,
  NETWORK,
  REFUSED,
  SESSION,
  STARTED,
} from '../mosquitto/drafts.ts'

type Frame = Pick<EventWords, 'category' | 'type' | 'outcome'>

/** What kinds of happenings have in common; reason and code tell them apart. */
export const FRAMES = {
  accepted: { category: CONNECT, type: STARTED, outcome: 'success' },
  refused: { category: CONNECT, type: REFUSED, outcome: 'failure' },
  unanswered: { category: CONNECT, type: REFUSED, outcome: 'unknown' },
  taken: { category: SESSION, type: ['connection', 'change'], outcome: 'success' },
  denied: { category: NETWORK, type: DENIED, outcome: 'failure' },
  granted: { category: NETWORK, type: ['access', 'allowed'], outcome: 'success' },
  fault: { category: NETWORK, type: FAULT, outcome: 'failure' },
  flood: { category: NETWORK, type: ['connection', 'denied'], outcome: 'failure' },
  counted: { category: NETWORK, type: ['info'], outcome: 'unknown' },
} as const satisfies Readonly<Record<string, Frame>>

export function wordsOf(kind: keyof typeof FRAMES, reason: string, code: string): EventWords {
  return { ...ANEW, ...FRAMES[kind], reason, code }
}

export function endedWords(
  outcome: EventWords['outcome'],
  reason: string,
  code: string,
): EventWords {
  return { category: SESSION, type: ENDED, outcome, reason, code }
}
