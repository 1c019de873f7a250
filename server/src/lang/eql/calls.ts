import ipaddr from 'ipaddr.js'
import type { Condition, ValueTest } from '../../model/condition.ts'
import { anyOf, fieldTest, NEVER } from '../conditions.ts'
import { QueryError } from '../syntax.ts'
import type { EqlCall, EqlNode } from './ast.ts'
import { checkCall } from './signatures.ts'
import { constantOf } from './values.ts'

const TESTS = {
  startsWith: 'prefix',
  endsWith: 'suffix',
  stringContains: 'substring',
} as const

/** A call that is a plain test of one field; undefined where it has to be computed. */
export function callCondition(call: EqlCall): Condition | undefined {
  const { name } = checkCall(call)
  const [subject, ...rest] = call.args
  const plain = name.replace('~', '')
  if (plain === 'cidrMatch') return cidrCondition(subject, rest)
  if (!(plain in TESTS) || subject?.kind !== 'field' || subject.indexed) return undefined
  const [part] = rest.map(constantOf)
  if (part === null) return NEVER
  if (typeof part !== 'string') return undefined
  if (part === '') {
    return plain === 'stringContains' ? NEVER : fieldTest(subject.path, { kind: 'exists' })
  }
  const kind = TESTS[plain as keyof typeof TESTS]
  return fieldTest(subject.path, { kind, value: part, cased: !call.insensitive })
}

function cidrCondition(subject: EqlNode | undefined, rest: readonly EqlNode[]): Condition {
  const tests: ValueTest[] = []
  for (const item of rest) {
    const network = constantOf(item)
    if (network === null) return NEVER
    if (typeof network !== 'string') throw new QueryError('A network is written as text', item.at)
    tests.push({ kind: 'cidr', network: checkNetwork(network, item.at) })
  }
  return anyOf(
    tests.map((test): Condition => {
      if (subject?.kind === 'field') return fieldTest(subject.path, test)
      const value = subject === undefined ? null : constantOf(subject)
      if (value === undefined) {
        throw new QueryError('cidrMatch looks at a field', subject?.at ?? 0)
      }
      return { kind: 'expr', expr: { kind: 'test', test, arg: { kind: 'literal', value } } }
    }),
  )
}

function checkNetwork(text: string, at: number): string {
  const [address = '', bits, ...more] = text.split('/')
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address)
  if (!isAddress || more.length > 0)
    throw new QueryError(`“${text}” is no network in CIDR form`, at)
  const max = ipaddr.parse(address).kind() === 'ipv4' ? 32 : 128
  if (bits === undefined) return `${address}/${max}`
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > max) {
    throw new QueryError(`“${text}” is no network in CIDR form`, at)
  }
  return text
}
