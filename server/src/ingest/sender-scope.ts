import { ANEW } from '../base/anew.ts'
import { type EcsDoc, fieldOf } from '../model/event.ts'
import type { SenderScope } from '../model/source.ts'

/**
 * What an event says of itself that the sender's token is not of; undefined where it may. An event
 * that names no site is of the token's where that has only one.
 */
export function outOfScope(doc: EcsDoc, { sites, deviceTypes }: SenderScope): string | undefined {
  const type = fieldOf(doc, 'device.type')
  if (deviceTypes !== undefined && type !== undefined && !deviceTypes.includes(String(type))) {
    return `the event is of the device type ${String(type).slice(0, 100)}`
  }
  if (sites === undefined) return undefined
  const site = fieldOf(doc, 'iot.site')
  if (site !== undefined) {
    return sites.includes(String(site))
      ? undefined
      : `the event is of the site ${String(site).slice(0, 100)}`
  }
  const [only, ...others] = sites
  const iot = doc['iot']
  if (only !== undefined && others.length === 0) {
    doc['iot'] =
      typeof iot === 'object' && iot !== null ? { ...ANEW, ...iot, site: only } : { site: only }
  }
  return undefined
}
