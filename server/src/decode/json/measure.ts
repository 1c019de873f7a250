/**
 * A sentence on what is too large in a parsed value: nested more than `depthMax` deep, or of more
 * than `valuesMax` values. Undefined if nothing is. Runs without recursion.
 */
export function measure(value: object, depthMax: number, valuesMax: number): string | undefined {
  const open: { readonly value: object; readonly depth: number }[] = [{ value, depth: 1 }]
  let count = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.depth > depthMax) return `Nested more than ${depthMax} deep.`
    for (const inner of Object.values(next.value) as unknown[]) {
      count += 1
      if (inner !== null && typeof inner === 'object') {
        open.push({ value: inner, depth: next.depth + 1 })
      }
    }
    if (count > valuesMax) return `More than ${valuesMax} values.`
  }
  return undefined
}
