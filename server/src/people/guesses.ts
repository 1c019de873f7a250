import { ProblemError } from '../base/problems.ts'
import { ACCOUNT_LIMITS, ADDRESS_LIMITS, senderKey, Throttle } from './throttle.ts'

/** Whose password is tried, and from where; either may be unknown. */
export interface Guess {
  readonly account?: string | undefined
  readonly from?: string | undefined
}

/** Guesses at passwords, slowed down by account and by address. */
export class Guesses {
  readonly #accounts = new Throttle(ACCOUNT_LIMITS)
  readonly #addresses = new Throttle(ADDRESS_LIMITS)

  /**
   * Counts a failure before it is known to be one, so that many at once do not slip through together.
   * Throws ProblemError LOGIN_THROTTLED where it is too early.
   */
  begin({ account, from }: Guess, now: number): void {
    const wait = Math.max(
      account === undefined ? 0 : this.#accounts.waitMs(account, now),
      from === undefined ? 0 : this.#addresses.waitMs(senderKey(from), now),
    )
    if (wait > 0) {
      const message = `Too many failed logins; try again in ${Math.ceil(wait / 1_000)} s.`
      throw new ProblemError({ code: 'LOGIN_THROTTLED', message })
    }
    if (account !== undefined) this.#accounts.failed(account, now)
    if (from !== undefined) this.#addresses.failed(senderKey(from), now)
  }

  /** It was no failure. */
  takeBack({ account, from }: Guess): void {
    if (account !== undefined) this.#accounts.forgive(account)
    if (from !== undefined) this.#addresses.forgive(senderKey(from))
  }

  /** The right one: the account's failures before it count no more. */
  succeeded({ account, from }: Guess): void {
    if (account !== undefined) this.#accounts.succeeded(account)
    if (from !== undefined) this.#addresses.forgive(senderKey(from))
  }
}
