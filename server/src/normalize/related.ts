import type { EcsDoc } from '../model/event.ts'

const RELATED_MAX = 50
const PEERS = ['source', 'destination', 'client', 'server', 'host'] as const

/** Gathers the IP addresses and user names of a document in `related.ip` and `related.user`. */
export function fillRelated(doc: EcsDoc): void {
  let ips: string[] | undefined
  let users: string[] | undefined
  for (const name of PEERS) {
    const peer = doc[name]
    if (!isObject(peer)) continue
    ips = gather(ips, peer['ip'])
    const user = peer['user']
    if (isObject(user)) users = gather(users, user['name'])
  }
  const user = doc['user']
  if (isObject(user)) {
    users = gather(users, user['name'])
    if (isObject(user['target'])) users = gather(users, user['target']['name'])
  }
  const previous = previousOf(doc)
  if (previous !== undefined) {
    ips = gather(ips, previous['ip'])
    users = gather(users, previous['user'])
  }
  if (ips === undefined && users === undefined) return
  const before = isObject(doc['related']) ? doc['related'] : {}
  const related: EcsDoc = { ...before }
  if (ips !== undefined) related['ip'] = gather(ips, before['ip'])
  if (users !== undefined) related['user'] = gather(users, before['user'])
  doc['related'] = related
}

/** Whose place was taken over. */
function previousOf(doc: EcsDoc): EcsDoc | undefined {
  const iot = doc['iot']
  if (!isObject(iot)) return undefined
  const mqtt = iot['mqtt']
  if (!isObject(mqtt)) return undefined
  return isObject(mqtt['previous']) ? mqtt['previous'] : undefined
}

function gather(into: string[] | undefined, value: unknown): string[] | undefined {
  if (typeof value === 'string') {
    if (value === '') return into
    if (into === undefined) return [value]
    if (into.length < RELATED_MAX && !into.includes(value)) into.push(value)
    return into
  }
  let all = into
  if (Array.isArray(value))
    for (const item of value) if (typeof item === 'string') all = gather(all, item)
  return all
}

function isObject(value: unknown): value is EcsDoc {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
