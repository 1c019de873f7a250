/**
 * Whether a statement failed because a unique key was there already: of two transactions that both
 * looked and found nothing, the second one. PostgreSQL's SQLSTATE 23505; SQLite's extended codes.
 */
export function isDuplicate(error: unknown): boolean {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return (
    code === '23505' ||
    code === 'SQLITE_CONSTRAINT_UNIQUE' ||
    code === 'SQLITE_CONSTRAINT_PRIMARYKEY'
  )
}
