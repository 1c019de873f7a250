import type { EcsDoc } from '../../model/event.ts'
import { compact, objectAt, textAt } from '../document/values.ts'

/**
 * `user` of a userIdentity, whatever its form. The name is the user's where there is one, the role's
 * for a role session (the session name is then `user.full_name`), the account or service otherwise.
 * Source: AWS CloudTrail, "CloudTrail userIdentity element".
 */
export function userOf(identity: EcsDoc): EcsDoc | undefined {
  const type = textAt(identity, 'type')
  const session = objectAt(identity, 'sessionContext')
  const issuer = session === undefined ? undefined : objectAt(session, 'sessionIssuer')
  const behalf = objectAt(identity, 'onBehalfOf')
  const arn = textAt(identity, 'arn')
  const principal = textAt(identity, 'principalId')
  const id =
    principal ??
    (behalf === undefined ? undefined : textAt(behalf, 'userId')) ??
    textAt(identity, 'credentialId', 'accountId', 'invokedBy')
  const name =
    textAt(identity, 'userName') ??
    (issuer === undefined ? undefined : textAt(issuer, 'userName')) ??
    nameOf(type, identity, arn) ??
    id
  if (id === undefined && name === undefined) return undefined
  const colon = principal?.indexOf(':') ?? -1
  const sessionName =
    type === 'AssumedRole' && principal !== undefined && colon > 0
      ? principal.slice(colon + 1)
      : undefined
  return compact({ id, name, full_name: sessionName, roles: rolesOf(type, issuer) })
}

function nameOf(type: string | undefined, identity: EcsDoc, arn: string | undefined) {
  if (type === 'Root') return 'root'
  if (type === 'AWSService') return textAt(identity, 'invokedBy')
  if (type === 'AWSAccount') return textAt(identity, 'accountId')
  if (arn === undefined) return undefined
  const parts = arn.slice(arn.lastIndexOf(':') + 1).split('/')
  return type === 'AssumedRole' ? parts[1] : parts.at(-1)
}

function rolesOf(type: string | undefined, issuer: EcsDoc | undefined): string[] | undefined {
  const arn = issuer === undefined ? undefined : textAt(issuer, 'arn')
  return type === 'AssumedRole' && arn !== undefined ? [arn] : undefined
}
