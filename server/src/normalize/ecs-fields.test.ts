import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decoders } from '../decode/registry.ts'
import { decodeText, RECEIVED_MS } from '../decode/testing/decode-text.ts'
import { EVENT_ACTIONS, type SecurityEvent } from '../model/event.ts'
import { createNormalizer, ECS_VERSION } from './normalize.ts'
import { ecsFieldSets, ecsTypeOf, fits, leavesOf, readEcsTypes } from './testing/ecs-types.ts'

const TEST = join(import.meta.dirname, '../../test')
const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/reference/fields.md'), 'utf8')
const spec = decoders['mosquitto']!
const normalize = createNormalizer({ source: 's', decoder: spec, tenant: 'default' })

function eventsOf(text: string): SecurityEvent[] {
  const { drafts } = decodeText(spec, text)
  const item = { text: 'x', key: 'k', receivedMs: RECEIVED_MS, facts: { path: '/a/b' } }
  return drafts.map((draft) => normalize(draft, item, RECEIVED_MS, true))
}

const folders = [join(TEST, 'samples'), join(TEST, 'corpus/mosquitto')]
const texts = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => /^(?:mosquitto.*\.log|.*\.in)$/.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8')),
)
const leaves = texts.flatMap(eventsOf).flatMap(({ doc }) => leavesOf(doc))

describe('the documents that decoders make', () => {
  const types = readEcsTypes(ecsFieldSets())

  test('the declarations were read', () => {
    expect(types.get('source.ip')).toBe('string')
    expect(types.get('event.category')).toBe('string | Array<string>')
    expect(types.get('tls.established')).toBe('boolean')
    expect(types.get('user.target.name')).toBe('string')
    expect(types.get('ecs.version')).toBe(`'${ECS_VERSION}'`)
    expect(types.size).toBeGreaterThan(500)
  })

  test('have only fields of ECS, of its types, and fields of ours', () => {
    const strange = leaves
      .filter(([path]) => !path.startsWith('iot.'))
      .filter(([path, value]) => !fits(types.get(path) ?? 'never', value))
      .map(([path, value]) => `${path}: ${JSON.stringify(value)}`)
    expect([...new Set(strange)]).toEqual([])
  })

  test('say always what must be said', () => {
    const events = texts.flatMap(eventsOf)
    const must = 'id kind category type action outcome reason code module dataset provider'
    for (const { doc } of events) {
      const event = doc['event'] as Record<string, unknown>
      for (const field of [...must.split(' '), 'created', 'ingested', 'original']) {
        expect(event[field], field).toBeDefined()
      }
      expect(Object.keys(EVENT_ACTIONS)).toContain(event['action'])
      expect(event['action']).not.toBe('event')
    }
  })
})

/** Values of every golden file of a decoder, but for what a sender of documents names as it likes. */
function goldenLeaves(decoder: string): [string, unknown][] {
  const folder = join(TEST, 'corpus', decoder)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.out.json'))
    .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as object[])
    .filter((row) => !('reject' in row) && !('routine' in row))
    .flatMap((row) => leavesOf({ ...row, line: undefined }))
    .filter(([path]) => path !== 'line')
}

/**
 * What the tables of the page list: `a.b.c` alone, `a.b.*` and objects with all below. Names after the
 * first of a cell begin with a dot and stand beside it.
 */
function listed(): { readonly exact: ReadonlySet<string>; readonly above: ReadonlySet<string> } {
  const exact = new Set<string>()
  const above = new Set<string>()
  for (const [, cell = '', type = ''] of PAGE.matchAll(/^\| (`[^|]*`) \| ([^|]*) \|/gm)) {
    const names = [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
    const first = names[0]!.replace(/\.\*$/, '')
    const parent = first.slice(0, first.lastIndexOf('.'))
    for (const name of names) {
      const whole = name.startsWith('.') ? parent + name : name
      exact.add(whole)
      if (whole.endsWith('.*')) above.add(whole.slice(0, -2))
      else if (type.includes('object')) above.add(whole)
    }
  }
  return { exact, above }
}

const { exact, above } = listed()

function isOnPage(path: string): boolean {
  if (exact.has(path)) return true
  for (let at = path.length; at > 0; at = path.lastIndexOf('.', at - 1)) {
    if (above.has(path.slice(0, at))) return true
  }
  return false
}

describe('golden files of every decoder', () => {
  const types = readEcsTypes(ecsFieldSets())
  // Documents that come in as they are: what is in them is their sender's own.
  const names = Object.keys(decoders).filter((name) => name !== 'json')

  test.each(names)('%s: fields of ECS have its types', (name) => {
    const wrong = goldenLeaves(name).flatMap(([path, value]) => {
      const type = ecsTypeOf(types, path)
      const good = type === undefined || type.includes('Record<') || fits(type, value)
      return good ? [] : [`${path} (${type}): ${JSON.stringify(value)}`]
    })
    expect([...new Set(wrong)]).toEqual([])
  })

  test.each(names)('%s: other fields stand on the page of fields', (name) => {
    const strange = goldenLeaves(name)
      .map(([path]) => path)
      .filter((path) => ecsTypeOf(types, path) === undefined && !isOnPage(path))
    expect([...new Set(strange)]).toEqual([])
  })

  test('a field that is nowhere would be found', () => {
    expect(isOnPage('iot.no_such_field')).toBe(false)
    expect(isOnPage('nowhere.at.all')).toBe(false)
    expect(ecsTypeOf(types, 'trace.id')).toBe('string')
    expect(ecsTypeOf(types, 'log.syslog.facility.code')).toContain('Record<')
    expect(ecsTypeOf(types, 'source.ips')).toBeUndefined()
  })
})

describe('the page of fields', () => {
  test('lists the actions as the code has them', () => {
    const listed = [...PAGE.matchAll(/^\| `([a-z-]+)` \| ([A-Z].*) \|$/gm)].filter(([, action]) =>
      Object.hasOwn(EVENT_ACTIONS, action!),
    )
    expect(Object.fromEntries(listed.map(([, action, help]) => [action, help]))).toEqual(
      EVENT_ACTIONS,
    )
  })

  test('describes every field of ours that a decoder writes', () => {
    const told = new Set(leaves.map(([path]) => path).filter((path) => path.startsWith('iot.')))
    expect(told.size).toBeGreaterThan(15)
    expect([...told].filter((path) => !isOnPage(path))).toEqual([])
  })
})
