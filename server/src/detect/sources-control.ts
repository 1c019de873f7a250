import type { ControlRecord } from '../model/journal.ts'

/** Type of the control record that says which sources there are from there on. */
export const SOURCES_CONTROL = 'sources'

/**
 * A source that was taken out of the configuration says nothing any more, not even that it is gone:
 * without this record detection would wait for it for ever.
 */
export function sourcesControl(names: readonly string[], atMs: number): ControlRecord {
  return { type: SOURCES_CONTROL, atMs, body: { names } }
}

/** Undefined where the record is of another type, or not of this form. */
export function sourcesOf(record: ControlRecord): readonly string[] | undefined {
  if (record.type !== SOURCES_CONTROL) return undefined
  const { names } = record.body as { names?: unknown }
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : undefined
}
