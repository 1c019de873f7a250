/**
 * Whether objects and lists stand in one another deeper than `depth`. `JSON.parse` takes any depth, but
 * writing such a value out again, or following it, would exhaust the stack.
 */
export function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth === 0) return true
  for (const one of Array.isArray(value) ? value : Object.values(value)) {
    if (isDeeperThan(one, depth - 1)) return true
  }
  return false
}
