import type { EcsDoc } from '../../model/event.ts'
import { plainIp } from '../mosquitto/address.ts'
import { compact } from '../document/values.ts'

/** Address fields: what is no whole address is kept as text only. */
export function addressOf(address: string | undefined, port?: number): EcsDoc | undefined {
  if (address === undefined) return undefined
  return compact({ address, ip: plainIp(address), port })
}

const CERTIFICATE_ID = /^[0-9a-f]{64}$/

/**
 * Who a principal id is: a certificate (64 hex digits, or the end of its ARN), a role session
 * (`AROA…:name`), an IAM user (`AIDA…`), a Cognito identity.
 */
export function principalOf(id: string | undefined): {
  readonly user?: EcsDoc
  readonly credential?: EcsDoc
} {
  if (id === undefined) return {}
  const certificate = id.includes(':cert/') ? id.slice(id.indexOf(':cert/') + 6) : id
  if (certificate !== id || CERTIFICATE_ID.test(id)) {
    return { user: { id, name: certificate }, credential: { id: certificate, kind: 'x509' } }
  }
  const colon = id.indexOf(':')
  const role = /^ARO[A-Z0-9]*:/.test(id)
  return { user: { id, name: role ? id.slice(colon + 1) || id : id } }
}
