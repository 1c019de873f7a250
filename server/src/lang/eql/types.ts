import { QueryError } from '../syntax.ts'
import type { EqlField, EqlNode } from './ast.ts'
import { signatureOf, type Type } from './signatures.ts'
import { ungroup } from './values.ts'

/**
 * Refuses what cannot be meant by the types that stand in the text: a number where a function takes
 * text, arithmetic with text, “:” with a number (Elasticsearch's verifier does so by its mapping;
 * an event has none, so fields may hold anything). Throws QueryError.
 */
export function checkTypes(node: EqlNode): void {
  checkNode(node)
  for (const part of partsOf(node)) checkTypes(part)
}

function checkNode(node: EqlNode): void {
  if (node.kind === 'negate') checkNumbers('-', [node.part])
  if (node.kind === 'compare') checkCompared(node)
  if (node.kind === 'arithmetic') checkNumbers(node.op, [node.left, node.right])
  if (node.kind === 'call') node.args.forEach((arg, index) => checkArgument(node, arg, index))
  if (node.kind !== 'match') return
  checkText(node.how, node.left)
  // `like 5` is `like "5"` in Elasticsearch; the others are strict.
  if (node.how.startsWith('like')) return
  for (const item of node.list) checkText(node.how, item)
}

function checkArgument(
  call: Extract<EqlNode, { readonly kind: 'call' }>,
  arg: EqlNode,
  index: number,
): void {
  const signature = signatureOf(call)
  if (signature === undefined) return
  const { name, takes } = signature
  if (signature.constant?.includes(index) === true && hasField(arg)) {
    throw new QueryError(`Argument ${index + 1} of ${name} has to be constant`, arg.at)
  }
  const wanted = takes[Math.min(index, takes.length - 1)] ?? 'any'
  const found = typeOf(arg)
  if (found === undefined || wanted === 'any' || fits(found, wanted)) return
  throw new QueryError(`Argument ${index + 1} of ${name} is ${wanted}, found ${found}`, arg.at)
}

function checkNumbers(op: string, parts: readonly EqlNode[]): void {
  for (const part of parts) {
    const found = typeOf(part)
    if (found === undefined || fits(found, 'number')) continue
    const hint = op === '-' && parts[0]?.kind === 'field' ? HYPHEN : undefined
    throw new QueryError(`“${op}” takes numbers, found ${found}`, part.at, hint)
  }
}

const HYPHEN = 'a name with a hyphen is written in backticks'

/** What is computed as a number is never text that spells none: `my-field == "x"` means a name. */
function checkCompared(node: Extract<EqlNode, { readonly kind: 'compare' }>): void {
  for (const [number, other] of [
    [node.left, node.right] as const,
    [node.right, node.left] as const,
  ]) {
    const text = ungroup(other)
    const found = typeOf(number)
    if (text.kind !== 'string' || found === undefined || !fits(found, 'number')) continue
    if (text.value.trim() !== '' && Number.isFinite(Number(text.value))) continue
    const computed = ungroup(number)
    const minus = computed.kind === 'arithmetic' && computed.op === '-'
    const hint = minus ? HYPHEN : undefined
    throw new QueryError('A number is compared with text that spells none', text.at, hint)
  }
}

function checkText(how: string, node: EqlNode): void {
  const found = typeOf(node)
  if (found === undefined || found === 'text') return
  const hint =
    how === ':' ? 'write “==” for what is no text, or put it in double quotes' : undefined
  throw new QueryError(`“${how}” compares text, found ${found}`, node.at, hint)
}

function fits(found: Type, wanted: Type): boolean {
  return found === wanted || (wanted === 'number' && found === 'whole number')
}

function hasField(node: EqlNode): boolean {
  return fieldsOf(node).length > 0
}

/** All fields that a value is made of. */
export function fieldsOf(node: EqlNode): readonly EqlField[] {
  return node.kind === 'field' ? [node] : partsOf(node).flatMap(fieldsOf)
}

function partsOf(node: EqlNode): readonly EqlNode[] {
  switch (node.kind) {
    case 'group':
    case 'negate':
    case 'not':
      return [node.part]
    case 'arithmetic':
    case 'compare':
      return [node.left, node.right]
    case 'call':
      return node.args
    case 'and':
    case 'or':
      return node.parts
    case 'match':
    case 'in':
      return [node.left, ...node.list]
    case 'field':
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
      return []
  }
}

/** What the node is; undefined for fields, and for null, which may stand for anything. */
function typeOf(node: EqlNode): Type | undefined {
  switch (node.kind) {
    case 'number':
      return node.float ? 'number' : 'whole number'
    case 'string':
      return 'text'
    case 'group':
      return typeOf(node.part)
    case 'negate':
    case 'arithmetic':
      return partsOf(node).every((part) => typeOf(part) === 'whole number')
        ? 'whole number'
        : 'number'
    case 'call':
      return signatureOf(node)?.returns
    case 'boolean':
    case 'compare':
    case 'match':
    case 'in':
    case 'not':
    case 'and':
    case 'or':
      return 'boolean'
    case 'field':
    case 'null':
      return undefined
  }
}
