import { RE2JS } from 're2js'
import { nearest } from '../../base/nearest.ts'
import { plainOf, type Tree } from '../../lang/sigma/yaml/yaml-tree.ts'
import { EVENT_ACTIONS } from '../../model/event.ts'
import { parseZone } from '../line/zone.ts'
import {
  type Condition,
  type Form,
  type LineTest,
  type ParseStep,
  type Target,
  type Template,
  type TimeRule,
  VALUE_TYPES,
  type ValueRule,
  type ValueType,
} from './mapping.ts'
import { csv, dissect, grok, jsonStep, keyValue, type Made, regex, remembering } from './steps.ts'
import { timeReader } from './time-format.ts'
import type { Entries, TreeReader } from './tree-reader.ts'

export const FORM_KEYS = [
  'match',
  'parse',
  'when',
  'routine',
  'time',
  'event',
  'map',
  'set',
  'device_id',
] as const
const EVENT_KEYS = [
  'action',
  'category',
  'type',
  'outcome',
  'kind',
  'reason',
  'code',
  'severity',
  'reference',
]
const STEP_KEYS = ['field', 'dissect', 'grok', 'regex', 'json', 'csv', 'key_value']
const VALUE_KEYS = ['from', 'type', 'values', 'default', 'required']
const CONDITION_KEYS = ['equals', 'contains', 'starts', 'regex', 'exists']
const TARGET = /^[a-z@_][\w-]*(\.[\w-]+)*$/i

/** A form; what it does not say itself, it takes from the top of the file. */
export function readForm(
  tree: Tree | undefined,
  shared: Entries,
  zone: string,
  reader: TreeReader,
  root: Tree,
): Form {
  const own = tree === undefined ? shared : reader.map(tree, [...FORM_KEYS, 'name'], 'a form')
  const part = (key: (typeof FORM_KEYS)[number]): Tree | undefined =>
    own.get(key)?.value ?? shared.get(key)?.value
  const steps = reader.list(part('parse'), 'parse').map((step) => readStep(step, reader))
  const routine = own.get('routine')?.value
  const targets = new Map<string, Target>()
  for (const layer of own === shared ? [own] : [shared, own]) {
    for (const target of readTargets(layer, reader)) targets.set(target.path.join('.'), target)
  }
  const action = readAction(own, shared, reader)
  const className = reader.text(routine, 'routine')
  if (className !== undefined && !/^[a-z0-9][a-z0-9-]{0,63}$/.test(className)) {
    reader.wrong(routine ?? root, 'routine must be a word of a-z, 0-9 and -')
  }
  if (action === undefined && className === undefined) {
    reader.wrong(tree ?? root, 'a form needs event.action, or routine')
  }
  return {
    match: readMatch(part('match'), reader),
    steps: steps.filter((step) => step !== undefined),
    when: readConditions(part('when'), reader),
    routine: className,
    time: readTime(part('time'), zone, reader),
    action: action ?? {
      from: undefined,
      values: undefined,
      fallback: 'event',
      type: undefined,
      required: false,
    },
    targets: [...targets.values()],
  }
}

function readMatch(tree: Tree | undefined, reader: TreeReader): LineTest[] {
  if (tree === undefined) return []
  const entries = reader.map(tree, ['contains', 'starts', 'regex'], 'match')
  const tests: LineTest[] = []
  const texts = (key: string): string[] => reader.texts(entries.get(key)?.value, key)
  const contains = texts('contains')
  if (contains.length > 0) tests.push((line) => contains.some((text) => line.includes(text)))
  const starts = texts('starts')
  if (starts.length > 0) tests.push((line) => starts.some((text) => line.startsWith(text)))
  const regexTree = entries.get('regex')?.value
  const pattern = readPattern(regexTree, reader)
  if (pattern === undefined) return tests
  const text = reader.text(regexTree, 'regex') ?? ''
  tests.push(reader.once('match', text, () => rememberingTest((line) => pattern.test(line))))
  return tests
}

/** See `remembering`. */
function rememberingTest(test: LineTest): LineTest {
  let last: string | undefined
  let holds = false
  return (line) => {
    if (line !== last) holds = test(line)
    last = line
    return holds
  }
}

function readPattern(tree: Tree | undefined, reader: TreeReader): RE2JS | undefined {
  const text = reader.text(tree, 'regex')
  if (tree === undefined || text === undefined) return undefined
  try {
    return RE2JS.compile(text)
  } catch (error) {
    return reader.wrong(tree, error instanceof Error ? error.message.slice(0, 200) : 'no pattern')
  }
}

function readStep(tree: Tree, reader: TreeReader): ParseStep | undefined {
  const entries = reader.map(tree, STEP_KEYS, 'a parse step')
  const field = reader.text(entries.get('field')?.value, 'field')
  const kinds = [...entries.keys()].filter((key) => key !== 'field')
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    return reader.wrong(tree, `a parse step has one of ${STEP_KEYS.slice(1).join(', ')}`)
  }
  const value = entries.get(kind)?.value
  if (value === undefined) return undefined
  const made = makeStep(kind, value, reader)
  if (made === undefined) return undefined
  if ('problem' in made) return reader.wrong(value, made.problem)
  return { field, run: made.run }
}

function makeStep(kind: string, tree: Tree, reader: TreeReader): Made | undefined {
  if (kind === 'json') return { run: jsonStep }
  if (kind === 'csv') {
    const entries = reader.map(tree, ['columns', 'separator'], 'csv')
    const columns = reader.texts(entries.get('columns')?.value, 'columns')
    if (columns.length === 0) return { problem: 'csv needs columns' }
    return { run: csv(columns, reader.text(entries.get('separator')?.value, 'separator') ?? ',') }
  }
  if (kind === 'key_value') {
    const entries =
      tree.kind === 'scalar' ? new Map() : reader.map(tree, ['separator', 'assign'], 'key_value')
    const separator = reader.text(entries.get('separator')?.value, 'separator') ?? ' '
    const assign = reader.text(entries.get('assign')?.value, 'assign') ?? '='
    if (separator === '' || assign === '') return { problem: 'separators must not be empty' }
    return { run: keyValue(separator, assign) }
  }
  const pattern = reader.text(tree, kind)
  if (pattern === undefined) return undefined
  if (kind === 'dissect') return dissect(pattern)
  return reader.once(kind, pattern, () =>
    remembering(kind === 'grok' ? grok(pattern) : regex(pattern)),
  )
}

function readConditions(tree: Tree | undefined, reader: TreeReader): Condition[] {
  if (tree === undefined) return []
  if (tree.kind !== 'map') {
    reader.wrong(tree, 'when must be a map of fields')
    return []
  }
  return tree.entries.map(({ key, value }) => ({ field: key, holds: readTest(value, reader) }))
}

function readTest(tree: Tree, reader: TreeReader): Condition['holds'] {
  if (tree.kind !== 'map') {
    const wanted = new Set(reader.texts(tree, 'when'))
    return (value) => value !== undefined && value !== null && wanted.has(String(value))
  }
  const entries = reader.map(tree, CONDITION_KEYS, 'a condition')
  const texts = (key: string): string[] => reader.texts(entries.get(key)?.value, key)
  const equals = new Set(texts('equals'))
  const [contains, starts] = [texts('contains'), texts('starts')]
  const pattern = readPattern(entries.get('regex')?.value, reader)
  const exists = entries.has('exists')
    ? reader.flag(entries.get('exists')?.value, 'exists')
    : undefined
  return (value) => {
    const there = value !== undefined && value !== null && value !== ''
    if (exists !== undefined && exists !== there) return false
    if (!there) return exists === false
    const text = String(value)
    if (equals.size > 0 && !equals.has(text)) return false
    if (contains.length > 0 && !contains.some((part) => text.includes(part))) return false
    if (starts.length > 0 && !starts.some((part) => text.startsWith(part))) return false
    return pattern === undefined || pattern.test(text)
  }
}

function readTime(tree: Tree | undefined, zone: string, reader: TreeReader): TimeRule | undefined {
  if (tree === undefined) return undefined
  const entries: Entries =
    tree.kind === 'scalar' ? new Map() : reader.map(tree, ['field', 'format', 'zone'], 'time')
  const field =
    tree.kind === 'scalar'
      ? reader.text(tree, 'time')
      : reader.text(entries.get('field')?.value, 'field')
  if (field === undefined) return reader.wrong(tree, 'time needs its field')
  const zoneName = reader.text(entries.get('zone')?.value, 'zone') ?? zone
  const offset = parseZone(zoneName)
  if (offset === undefined) return reader.wrong(tree, `${zoneName} is no time zone`)
  const read = timeReader(reader.text(entries.get('format')?.value, 'format') ?? 'auto', offset)
  return typeof read === 'string' ? reader.wrong(tree, read) : { field, read }
}

function readAction(own: Entries, shared: Entries, reader: TreeReader): ValueRule | undefined {
  const find = (entries: Entries): Tree | undefined => {
    const event = entries.get('event')?.value
    return event?.kind === 'map'
      ? event.entries.find((entry) => entry.key === 'action')?.value
      : undefined
  }
  const tree = find(own) ?? find(shared)
  if (tree === undefined) return undefined
  const rule = readValue(tree, reader, true)
  const names = [...(rule?.values?.values() ?? []), rule?.fallback]
  for (const name of names) {
    if (name === undefined || Object.hasOwn(EVENT_ACTIONS, String(name))) continue
    const near = nearest(String(name), Object.keys(EVENT_ACTIONS))
    const hint = near === undefined ? '' : `; did you mean ${near}`
    reader.wrong(tree, `${String(name).slice(0, 60)} is no event.action${hint}`)
  }
  return rule
}

function readTargets(entries: Entries, reader: TreeReader): Target[] {
  const targets: Target[] = []
  const event = reader.map(entries.get('event')?.value, EVENT_KEYS, 'event')
  for (const [key, { value }] of event) {
    if (key !== 'action') push(targets, `event.${key}`, readValue(value, reader, true))
  }
  const device = entries.get('device_id')?.value
  if (device !== undefined) push(targets, 'device.id', readValue(device, reader, false))
  for (const [section, constant] of [
    ['map', false],
    ['set', true],
  ] as const) {
    const tree = entries.get(section)?.value
    if (tree === undefined) continue
    if (tree.kind !== 'map') {
      reader.wrong(tree, `${section} must be a map of ECS fields`)
      continue
    }
    for (const { key, value, place } of tree.entries) {
      if (!TARGET.test(key) || key.includes('__proto__') || RESERVED.test(key)) {
        reader.wrong({ place }, `${key.slice(0, 60)} is no field that a mapping may set`)
      } else push(targets, key, constant ? constantOf(value) : readValue(value, reader, false))
    }
  }
  return targets
}

const RESERVED = /^(@timestamp|ecs|event\.(id|created|ingested|original|action)|tenant)\b/

function push(targets: Target[], path: string, rule: ValueRule | undefined): void {
  if (rule !== undefined) targets.push({ path: path.split('.'), rule })
}

const constantOf = (tree: Tree): ValueRule => ({
  from: undefined,
  values: undefined,
  fallback: plainOf(tree),
  type: undefined,
  required: false,
})

/** A constant (or, in `map`, the name of a field), or a map with `from`. */
function readValue(tree: Tree, reader: TreeReader, constant: boolean): ValueRule | undefined {
  if (tree.kind !== 'map') {
    const text = tree.kind === 'scalar' && typeof tree.value === 'string' ? tree.value : undefined
    if (text === undefined || (constant && !text.includes('${'))) return constantOf(tree)
    return { ...constantOf(tree), from: templateOf(text), fallback: undefined }
  }
  const entries = reader.map(tree, VALUE_KEYS, 'a value')
  const from = reader.text(entries.get('from')?.value, 'from')
  if (from === undefined) return reader.wrong(tree, 'a value needs from')
  const type = reader.text(entries.get('type')?.value, 'type')
  if (type !== undefined && !VALUE_TYPES.includes(type as ValueType)) {
    return reader.wrong(tree, `the type is one of ${VALUE_TYPES.join(', ')}`)
  }
  const table = entries.get('values')?.value
  if (table !== undefined && table.kind !== 'map')
    return reader.wrong(table, 'values must be a map')
  const fallback = entries.get('default')?.value
  return {
    from: templateOf(from),
    values:
      table?.kind === 'map'
        ? new Map(table.entries.map(({ key, value }) => [key, plainOf(value)]))
        : undefined,
    fallback: fallback === undefined ? undefined : plainOf(fallback),
    type: type as ValueType | undefined,
    required: reader.flag(entries.get('required')?.value, 'required'),
  }
}

/** `${a}-${b}`, or the name of one field. */
function templateOf(text: string): Template {
  if (!text.includes('${')) return { parts: [{ field: text }] }
  const parts: (string | { field: string })[] = []
  let from = 0
  for (const { 0: whole, 1: field = '', index } of text.matchAll(/\$\{([^}]+)\}/g)) {
    if (index > from) parts.push(text.slice(from, index))
    parts.push({ field })
    from = index + whole.length
  }
  if (from < text.length) parts.push(text.slice(from))
  return { parts }
}
