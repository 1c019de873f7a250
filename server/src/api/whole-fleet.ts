import { ProblemError } from '../base/problems.ts'
import { MASKED, type Principal } from '../model/access.ts'

/** What is of no single site is shown only to those who see all of the fleet. */
export function refuseNarrowed({ visibility }: Principal, what: string): void {
  if (visibility === undefined) return
  const message = `${what} is shown only to those who see all of the fleet.`
  throw new ProblemError({ code: 'API_FORBIDDEN', message })
}

/** Raw text has no fields: who may not see some of them sees none of it. */
export function hiddenText({ masks }: Principal): (text: string) => string {
  return (masks?.length ?? 0) > 0 ? () => MASKED : (text) => text
}
