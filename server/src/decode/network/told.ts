import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'

export type Outcome = 'success' | 'failure' | 'unknown'

/** What a line tells, before its time and the sides of its connection are put in. */
export type Told = Pick<Draft, 'action' | 'doc'>

/** A document with the words of `event` that ECS asks for; `code` names the kind of message. */
export function told(
  action: EventAction,
  category: readonly string[],
  type: readonly string[],
  outcome: Outcome,
  code: string,
  rest?: EcsDoc,
): Told {
  const { event, ...more } = rest ?? {}
  return {
    action,
    doc: {
      event: { kind: 'event', category, type, outcome, code, ...(event as EcsDoc | undefined) },
      ...more,
    },
  }
}
