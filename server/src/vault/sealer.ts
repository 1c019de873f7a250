import type { Clock } from '../base/clock.ts'
import { ProblemError } from '../base/problems.ts'
import type { Sealer } from '../model/sealer.ts'
import type { KeyDomain, Keyring } from './keyring.ts'

/** Seals under the newest key of a domain; opens whatever key of the ring an envelope names. */
export function createSealer(keyring: Keyring, domain: KeyDomain, clock: Clock): Sealer {
  return {
    seal: (plain, context) =>
      keyring.seal(keyring.current(domain, clock.now()), Buffer.from(context), plain),
    open: (envelope, context) => {
      const opened = keyring.open(envelope, Buffer.from(context))
      if (opened.ok) return opened.bytes
      throw new ProblemError({
        code: 'STATE_SEALED',
        message: `A sealed value did not open (${opened.fault}).`,
      })
    },
  }
}
