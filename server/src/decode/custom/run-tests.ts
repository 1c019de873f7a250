import type { Draft, RejectCode } from '../../model/decoder.ts'
import { type EcsDoc, fieldOf } from '../../model/event.ts'
import { MappingDecoder } from './decoder.ts'
import type { Mapping, MappingTest } from './mapping.ts'

export interface MappingOutcome {
  readonly test: string
  readonly line: number
  readonly passed: boolean
  /** What was otherwise than expected. */
  readonly message?: string
}

/** Runs the tests that stand in a mapping file. */
export function runMappingTests(mapping: Mapping, receivedMs: number): MappingOutcome[] {
  return mapping.tests.map((test) => {
    const message = runOne(mapping, test, receivedMs)
    const about = { test: test.name, line: test.line }
    return message === undefined ? { ...about, passed: true } : { ...about, passed: false, message }
  })
}

function runOne(mapping: Mapping, test: MappingTest, receivedMs: number): string | undefined {
  let draft: Draft | undefined
  let routine: string | undefined
  let reject: { code: RejectCode; detail: string } | undefined
  new MappingDecoder(mapping).decode(
    { text: test.input, key: 'test', receivedMs },
    {
      event: (made) => void (draft = made),
      routine: (name) => void (routine = name),
      reject: (code, detail) => void (reject = { code, detail }),
    },
  )
  if (test.routine !== undefined) {
    return routine === test.routine ? undefined : `routine ${routine ?? 'is not what it became'}`
  }
  if (test.reject !== undefined) {
    return reject?.code === test.reject ? undefined : `reject ${reject?.code ?? 'did not happen'}`
  }
  if (draft === undefined) {
    return reject === undefined ? `routine ${routine ?? ''}` : `${reject.code}: ${reject.detail}`
  }
  return differences(draft, test.expect ?? {})
}

function differences(draft: Draft, expect: Readonly<Record<string, unknown>>): string | undefined {
  const { timeMs, doc, action } = draft
  const event = { ...(doc['event'] as EcsDoc | undefined), action }
  const time = timeMs === undefined ? undefined : new Date(timeMs).toISOString()
  const whole: EcsDoc = { ...doc, event, '@timestamp': time }
  for (const [field, wanted] of Object.entries(expect)) {
    const found = fieldOf(whole, field)
    if (JSON.stringify(found ?? null) === JSON.stringify(wanted)) continue
    return `${field} is ${JSON.stringify(found) ?? 'absent'}, expected ${JSON.stringify(wanted)}`
  }
  return undefined
}
