import type { Clock } from '../base/clock.ts'
import type { SenderScope, SenderToken } from '../model/source.ts'
import type { State } from '../state/state.ts'
import { checkToken } from './api-token.ts'

/**
 * What an API token is worth to a listener whose events are of these datasets: it needs the role
 * `ingest`, and where it is of some datasets only, these must be among them.
 */
export async function senderToken(
  { state, clock }: { readonly state: State; readonly clock: Clock },
  text: string,
  datasets: readonly string[],
): Promise<SenderToken> {
  const checked = await checkToken(state, clock.now(), text)
  if (checked.kind !== 'known') return checked
  const { id, roles, visibility } = checked.token
  if (!roles.includes('ingest')) return { kind: 'forbidden' }
  const allowed = visibility?.datasets
  if (allowed !== undefined && !datasets.every((one) => allowed.includes(one))) {
    return { kind: 'forbidden' }
  }
  const { sites, deviceTypes } = visibility ?? {}
  if (sites === undefined && deviceTypes === undefined) return { kind: 'known', id }
  const scope: SenderScope = { ...(sites && { sites }), ...(deviceTypes && { deviceTypes }) }
  return { kind: 'known', id, scope }
}
