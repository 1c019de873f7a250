import ipaddr from 'ipaddr.js'
import type { Condition, Expr, ValueTest } from '../model/condition.ts'
import { allOf, anyOf, fieldTest } from './conditions.ts'

/** Numbers as Elasticsearch reads them from text (Java's BigDecimal); no hexadecimal ones. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$/

/** The number that text is; undefined for anything else. */
export function numberIn(text: string): number | undefined {
  const number = NUMBER.test(text) ? Number(text) : undefined
  return Number.isFinite(number) ? number : undefined
}

/**
 * A field that is not text is the value: as it is written, as a number that is written another way
 * (`1.0`, `1e3`; numbers only, since as text `1.10` is not `1.1`), as an address within a network.
 */
export function keywordCondition(path: string, text: string): Condition {
  const same: Condition[] = [fieldTest(path, { kind: 'equals', value: text, cased: true })]
  const number = numberIn(text)
  if (number !== undefined && String(number) !== text) same.push(isNumber(path, number))
  return anyOf([...same, ...networkTests(text).map((test) => fieldTest(path, test))])
}

/** The same where the name of the field is not known, so that numbers are told by their text only. */
export function keywordTests(text: string): ValueTest[] {
  return [{ kind: 'equals', value: text, cased: true }, ...networkTests(text)]
}

/** An address as a network of its own, where it may be written another way (IPv6), or a network. */
export function networkTests(text: string): ValueTest[] {
  const [address = '', bits] = text.split('/')
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address)
  if (!isAddress) return []
  if (bits !== undefined) return ipaddr.isValidCIDR(text) ? [{ kind: 'cidr', network: text }] : []
  if (!text.includes(':')) return []
  return [{ kind: 'cidr', network: `${text}/128` }]
}

/** The value is that number, and no text that spells it. */
function isNumber(path: string, value: number): Condition {
  const numeric: Expr = { kind: 'call', name: 'numeric', args: [{ kind: 'path', path }] }
  const expr: Expr = { kind: 'call', name: 'eq', args: [numeric, { kind: 'literal', value }] }
  return allOf([fieldTest(path, { kind: 'equals', value, cased: true }), { kind: 'expr', expr }])
}
