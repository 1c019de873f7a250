import type { EcsDoc } from '../model/event.ts'
import type { Rollup } from '../model/journal.ts'

/**
 * A rollup as rules of absence see it: what its messages had in common. Fields of single messages
 * (their outcome, their topic) are not there, and a rule that asks for them does not see it.
 */
export function rollupDoc(rollup: Rollup): EcsDoc {
  const { device, deviceField = 'device.id', action, dataset, clientId, site, deviceType } = rollup
  const doc: EcsDoc = {
    '@timestamp': new Date(rollup.lastSeenMs).toISOString(),
    event: {
      kind: 'metric',
      ...(action !== undefined && { action }),
      ...(dataset !== undefined && { dataset, module: dataset.replace(/\.[^.]*$/, '') }),
    },
  }
  const iot: EcsDoc = {}
  if (clientId !== undefined) iot['mqtt'] = { client_id: clientId }
  if (site !== undefined) iot['site'] = site
  if (Object.keys(iot).length > 0) doc['iot'] = iot
  if (deviceField === 'device.id' && device !== '') {
    doc['device'] = { id: device, ...(deviceType !== undefined && { type: deviceType }) }
  } else if (deviceField === 'host.name') doc['host'] = { name: device }
  else if (deviceField === 'source.ip') doc['source'] = { ip: device }
  return doc
}
