import type { JsonParts } from '../../base/json-parts.ts'
import type { Program } from './program.ts'
import type { LiteralTables } from './texts.ts'
import type { Witnesses } from './witness.ts'

/**
 * An index over many conditions as data: what takes long to make of them. Another thread that is given
 * it has the index in a fraction of the time, in short steps.
 */
export interface IndexTables {
  readonly predicates: JsonParts
  readonly program: Omit<Program, 'predicates'>
  readonly literals: readonly (LiteralTables | undefined)[]
  readonly witnesses: Witnesses
}

/** The memory of it, to be handed over instead of copied. */
export function memoryOf(tables: IndexTables): ArrayBuffer[] {
  const { kinds, starts, ends, children, shared, roots } = tables.program
  const { offsets, rules } = tables.witnesses
  const arrays: ArrayBufferView[] = [kinds, starts, ends, children, shared, roots, offsets, rules]
  for (const literals of tables.literals) {
    if (literals === undefined) continue
    const { grams, automaton } = literals
    if (grams !== undefined) arrays.push(grams.words, grams.grams, grams.starts, grams.entries)
    if (automaton !== undefined) arrays.push(automaton.classes, automaton.rows, automaton.found)
  }
  arrays.push(...tables.predicates)
  const memory = new Set<ArrayBuffer>()
  for (const { buffer } of arrays) if (buffer instanceof ArrayBuffer) memory.add(buffer)
  return [...memory]
}
