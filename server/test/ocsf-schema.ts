/**
 * A validator for OCSF that reads the schema as its own server exports it (`classes`, `objects`,
 * `dictionary.types`): types, required attributes, enumerations, constraints, unknown attributes.
 */
export interface OcsfSchema {
  readonly version: string
  readonly classes: Readonly<Record<string, Entity & { readonly uid: number }>>
  readonly objects: Readonly<Record<string, Entity>>
  readonly dictionary: { readonly types: { readonly attributes: Readonly<Record<string, Type>> } }
}
interface Entity {
  readonly name: string
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly constraints?: Readonly<Record<string, readonly string[]>>
}
interface Attribute {
  readonly type: string
  readonly object_type?: string
  readonly is_array?: boolean
  readonly requirement?: string
  readonly profiles?: readonly string[] | null
  readonly enum?: Readonly<Record<string, { readonly caption: string }>>
}
interface Type {
  readonly type?: string
  readonly regex?: string
  readonly max_len?: number
  readonly range?: readonly [number, number]
}
type Fields = Readonly<Record<string, unknown>>

/** Everything wrong with an event, each with its path; empty when it is valid. */
export function faultsOf(schema: OcsfSchema, event: Fields): string[] {
  const found = Object.values(schema.classes).find(({ uid }) => uid === event['class_uid'])
  if (found === undefined) return [`class_uid: no class ${String(event['class_uid'])}`]
  const metadata = (event['metadata'] ?? {}) as Fields
  const profiles = new Set((metadata['profiles'] as string[] | undefined) ?? [])
  const faults: string[] = []
  checkEntity(schema, found, event, found.name, profiles, faults)
  const type = Number(event['class_uid']) * 100 + Number(event['activity_id'])
  if (event['type_uid'] !== type) faults.push('type_uid: not class_uid * 100 + activity_id')
  return faults
}

function checkEntity(
  schema: OcsfSchema,
  entity: Entity,
  value: Fields,
  path: string,
  profiles: ReadonlySet<string>,
  faults: string[],
): void {
  const within = (attribute: Attribute): boolean =>
    attribute.profiles === undefined ||
    attribute.profiles === null ||
    attribute.profiles.some((name) => profiles.has(name))
  for (const [name, attribute] of Object.entries(entity.attributes)) {
    const at = `${path}.${name}`
    const given = value[name]
    if (given === undefined) {
      if (attribute.requirement === 'required' && within(attribute)) faults.push(`${at}: missing`)
      continue
    }
    if (!within(attribute)) faults.push(`${at}: its profile is not named`)
    const items = attribute.is_array === true ? given : [given]
    if (!Array.isArray(items)) faults.push(`${at}: not a list`)
    else for (const item of items) checkValue(schema, attribute, item, at, profiles, faults)
  }
  for (const name of Object.keys(value)) {
    if (entity.attributes[name] === undefined) faults.push(`${path}.${name}: no such attribute`)
  }
  const { at_least_one: some = [], just_one: one = [] } = entity.constraints ?? {}
  const count = (names: readonly string[]): number =>
    names.filter((name) => value[name] !== undefined).length
  if (some.length > 0 && count(some) === 0) faults.push(`${path}: none of ${some.join(', ')}`)
  if (one.length > 0 && count(one) !== 1) faults.push(`${path}: not one of ${one.join(', ')}`)
}

function checkValue(
  schema: OcsfSchema,
  attribute: Attribute,
  value: unknown,
  at: string,
  profiles: ReadonlySet<string>,
  faults: string[],
): void {
  if (attribute.type === 'object_t') {
    const inner = schema.objects[attribute.object_type ?? '']
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      faults.push(`${at}: not an object`)
    } else if (inner !== undefined && attribute.object_type !== 'object') {
      checkEntity(schema, inner, value as Fields, at, profiles, faults)
    }
    return
  }
  if (attribute.enum !== undefined && attribute.enum[String(value)] === undefined) {
    faults.push(`${at}: ${String(value)} is none of its values`)
  }
  const type = schema.dictionary.types.attributes[attribute.type] ?? {}
  const base = type.type ?? attribute.type
  if (base === 'string_t') {
    if (typeof value !== 'string') faults.push(`${at}: not a text`)
    else if (type.regex !== undefined && !new RegExp(type.regex).test(value)) {
      faults.push(`${at}: '${value}' is no ${attribute.type}`)
    } else if (value.length > (type.max_len ?? Infinity)) faults.push(`${at}: too long`)
  } else if (base === 'integer_t' || base === 'long_t') {
    const [low, high] = type.range ?? [-Infinity, Infinity]
    const fits = typeof value === 'number' && Number.isSafeInteger(value)
    if (!fits || value < low || value > high) faults.push(`${at}: ${String(value)} does not fit`)
  } else if (base === 'boolean_t' && typeof value !== 'boolean') faults.push(`${at}: not a boolean`)
}
