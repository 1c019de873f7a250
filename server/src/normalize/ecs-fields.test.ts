import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decoders } from '../decode/registry.ts'
import { decodeText, RECEIVED_MS } from '../decode/testing/decode-text.ts'
import { EVENT_ACTIONS, type SecurityEvent } from '../model/event.ts'
import { createNormalizer, ECS_VERSION } from './normalize.ts'
import { fits, leavesOf, readEcsTypes } from './testing/ecs-types.ts'

const TEST = join(import.meta.dirname, '../../test')
const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/reference/fields.md'), 'utf8')
const SETS = [
  ...'base ecs event source destination network observer related user'.split(' '),
  ...'error group log tls client server host dns device'.split(' '),
]

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
  const types = readEcsTypes(SETS)

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
    const documented = (path: string): boolean => {
      const parent = path.slice(0, path.lastIndexOf('.'))
      const last = path.slice(path.lastIndexOf('.'))
      return (
        PAGE.includes(`| \`${path}\``) ||
        PAGE.includes(`| \`${parent}.*\``) ||
        new RegExp(`^\\| \`${parent}\\..*\`\\${last}\``, 'm').test(PAGE)
      )
    }
    expect([...told].filter((path) => !documented(path))).toEqual([])
  })
})
