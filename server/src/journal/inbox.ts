import { ProblemError } from '../base/problems.ts'
import type { Link } from './link.ts'
import { closedProblem } from './problems.ts'
import type { FromWriter } from './protocol.ts'

/** Holds what comes before there is someone to take it. */
export class Inbox {
  #receive: ((message: FromWriter) => void) | undefined
  #early: FromWriter[] = []

  take(message: FromWriter): void {
    if (this.#receive === undefined) this.#early.push(message)
    else this.#receive(message)
  }

  open(receive: (message: FromWriter) => void): void {
    this.#receive = receive
    const early = this.#early
    this.#early = []
    for (const message of early) receive(message)
  }

  async ready(link: Link): Promise<void> {
    const answer = await new Promise<FromWriter | undefined>((resolve) => {
      this.#receive = resolve
      for (const message of this.#early) resolve(message)
      void link.ended.then(() => resolve(undefined))
    })
    this.#receive = undefined
    this.#early = []
    if (answer?.kind === 'ready') return
    throw new ProblemError(answer?.kind === 'refused' ? answer.problem : closedProblem())
  }
}
