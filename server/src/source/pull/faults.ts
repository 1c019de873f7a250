/** Why an object could not be read; the closed list that counters and dead letters use. */
export const OBJECT_FAULTS = [
  'gone',
  'refused',
  'archived',
  'unnameable',
  'damaged',
  'truncated',
  'too_large',
  'format',
] as const

export type ObjectFaultReason = (typeof OBJECT_FAULTS)[number]

/** A fault that another attempt will not mend (`refused` may be mended by whoever gives rights). */
export class ObjectFault extends Error {
  readonly reason: ObjectFaultReason

  constructor(reason: ObjectFaultReason, detail: string) {
    super(detail)
    this.reason = reason
  }
}

/** A fault that the next attempt may not meet: the network, a busy service. */
export class PassingFault extends Error {
  readonly reason: string

  constructor(reason: string, detail: string) {
    super(detail)
    this.reason = reason
  }
}
