import { createHmac } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { ProblemError } from '../base/problems.ts'
import type { Sealer } from '../model/sealer.ts'
import type { KeyDomain, Keyring } from './keyring.ts'

/** Seals under the newest key of a domain; opens whatever key of the ring an envelope names. */
export function createSealer(keyring: Keyring, domain: KeyDomain, clock: Clock): Sealer {
  const lookup = keyring.derive(`lookup ${domain}`)
  return {
    seal: (plain, context) =>
      keyring.seal(keyring.current(domain, clock.now()), Buffer.from(context), plain),
    digest: (text, purpose) =>
      createHmac('sha256', lookup).update(`${purpose}\0${text}`).digest('base64url'),
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
