/** One line of the dynamic-security plugin's audit trail. */
export interface Audit {
  /** `CLIENT/USER` as written. */
  readonly actor: string
  readonly command: string
  readonly fields: Readonly<Record<string, string>>
}

const PAIR = /^([a-z]{1,20})=([^]*)$/
const FIELDS_MAX = 20

/** `rest` is what stands behind `dynsec: `: `ctl/admin | disableClient | username=sensor-001`. */
export function parseAudit(rest: string): Audit | undefined {
  const parts = rest.split(' | ', FIELDS_MAX + 2)
  const [actor, command] = parts
  if (actor === undefined || command === undefined || !/^[A-Za-z]{3,40}$/.test(command)) {
    return undefined
  }
  const fields: Record<string, string> = {}
  let last = ''
  for (const part of parts.slice(2)) {
    const pair = PAIR.exec(part)
    if (pair !== null) fields[(last = pair[1] ?? '')] = pair[2] ?? ''
    else if (last !== '') fields[last] += ` | ${part}`
  }
  return { actor, command, fields }
}

export const isReading = (command: string): boolean => /^(?:get|list)/.test(command)

/** ECS `event.type` of a command. */
export function auditTypes(command: string): readonly string[] {
  const subject = /Client|Password/.test(command)
    ? ['user']
    : /Group/.test(command)
      ? ['group']
      : []
  if (isReading(command)) return ['access', ...subject]
  if (command.startsWith('create')) return ['creation', ...subject]
  if (command.startsWith('delete')) return ['deletion', ...subject]
  return ['change', ...subject]
}

/** `CLIENT/USER` in two; either may hold slashes, so a client id that is connected decides. */
export function splitActor(
  actor: string,
  isClient: (id: string) => boolean,
): { id: string; user: string } {
  let at = actor.indexOf('/')
  const last = actor.lastIndexOf('/')
  for (let slash = at; slash >= 0; slash = actor.indexOf('/', slash + 1)) {
    if (isClient(actor.slice(0, slash)))
      return { id: actor.slice(0, slash), user: actor.slice(slash + 1) }
  }
  at = last
  return at < 0 ? { id: actor, user: '' } : { id: actor.slice(0, at), user: actor.slice(at + 1) }
}
