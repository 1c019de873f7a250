import type { Problem } from '../../base/problems.ts'
import { parseYamlDocuments, plainOf, type Tree } from '../../lang/sigma/yaml/yaml-tree.ts'
import { parseZone } from '../line/zone.ts'
import type { Form, Mapping, MappingTest } from './mapping.ts'
import { FORM_KEYS, readForm } from './read-form.ts'
import { TreeReader } from './tree-reader.ts'

const FORMS_MAX = 500
const TESTS_MAX = 1_000
const KEYS = ['name', 'description', 'frame', 'zone', 'forms', 'tests', ...FORM_KEYS]
const TEST_KEYS = ['name', 'input', 'expect', 'routine', 'reject']

export type MappingRead =
  | { readonly ok: true; readonly mapping: Mapping }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Reads one mapping file. Problems: MAPPING_SYNTAX, MAPPING_UNKNOWN_KEY, MAPPING_INVALID. */
export function readMapping(text: string, file?: string): MappingRead {
  const { trees, problems } = parseYamlDocuments(text, file)
  if (problems.length > 0) {
    return { ok: false, problems: problems.map((one) => ({ ...one, code: 'MAPPING_SYNTAX' })) }
  }
  const [tree] = trees
  if (tree === undefined || trees.length > 1) {
    const message = 'A mapping file holds one document.'
    const at = tree?.place ?? { ...(file === undefined ? {} : { file }), line: 1, column: 1 }
    return { ok: false, problems: [{ code: 'MAPPING_SYNTAX', message, at }] }
  }
  const reader = new TreeReader()
  const mapping = readTree(tree, reader)
  if (reader.problems.length > 0) return { ok: false, problems: reader.problems }
  return { ok: true, mapping }
}

function readTree(tree: Tree, reader: TreeReader): Mapping {
  const entries = reader.map(tree, KEYS, 'a mapping')
  const zone = reader.text(entries.get('zone')?.value, 'zone') ?? 'UTC'
  const zoneTree = entries.get('zone')?.value
  if (parseZone(zone) === undefined) reader.wrong(zoneTree ?? tree, `${zone} is no time zone`)
  const name = reader.text(entries.get('name')?.value, 'name')
  if (name === undefined || !/^[a-z][a-z0-9-]{0,63}$/.test(name)) {
    reader.wrong(entries.get('name')?.value ?? tree, 'name must be a word of a-z, 0-9 and -')
  }
  const formTrees = reader.list(entries.get('forms')?.value, 'forms')
  if (formTrees.length > FORMS_MAX) reader.wrong(tree, `a mapping may have ${FORMS_MAX} forms`)
  const shared = FORM_KEYS.filter((key) => entries.has(key))
  const forms: Form[] =
    formTrees.length === 0
      ? [readForm(undefined, entries, zone, reader, tree)]
      : formTrees.slice(0, FORMS_MAX).map((form) => readForm(form, entries, zone, reader, tree))
  if (formTrees.length === 0 && shared.length === 0) {
    reader.wrong(tree, 'a mapping needs parse and map, or forms')
  }
  return {
    name: name ?? '',
    description: reader.text(entries.get('description')?.value, 'description') ?? '',
    framed: reader.flag(entries.get('frame')?.value, 'frame'),
    zone,
    forms,
    tests: reader
      .list(entries.get('tests')?.value, 'tests')
      .slice(0, TESTS_MAX)
      .map((test) => readTest(test, reader)),
  }
}

function readTest(tree: Tree, reader: TreeReader): MappingTest {
  const entries = reader.map(tree, TEST_KEYS, 'a test')
  const text = (key: string): string | undefined => reader.text(entries.get(key)?.value, key)
  const expect = entries.get('expect')?.value
  const input = text('input')
  if (input === undefined) reader.wrong(tree, 'a test needs its input')
  if (expect !== undefined && expect.kind !== 'map') reader.wrong(expect, 'expect must be a map')
  const ends = ['expect', 'routine', 'reject'].filter((key) => entries.has(key))
  if (ends.length !== 1) reader.wrong(tree, 'a test has one of expect, routine and reject')
  return {
    name: text('name') ?? `line ${tree.place.line}`,
    input: (input ?? '').replace(/\n$/, ''),
    expect: expect?.kind === 'map' ? (plainOf(expect) as Record<string, unknown>) : undefined,
    routine: text('routine'),
    reject: text('reject'),
    line: tree.place.line,
  }
}
