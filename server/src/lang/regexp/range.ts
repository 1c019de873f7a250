/**
 * The pattern of all decimal numbers from `low` to `high` (Lucene's `<low-high>`): of that many
 * digits where both bounds have as many, else with any leading zeros.
 */
export function rangePattern(low: string, high: string): string {
  const [from, to] = BigInt(low) <= BigInt(high) ? [low, high] : [high, low]
  if (from.length === to.length) return `(?:${sameLength(from, to).join('|')})`
  const width = to.length
  const parts: string[] = []
  let start = String(BigInt(from))
  for (let digits = start.length; digits <= width; digits++) {
    const last = '9'.repeat(digits)
    const end = digits === width ? String(BigInt(to)) : last
    if (end.length === digits) parts.push(...sameLength(start, end))
    start = `1${'0'.repeat(digits)}`
  }
  return `0*(?:${parts.join('|')})`
}

function sameLength(from: string, to: string): string[] {
  if (from === '') return ['']
  const [low, high] = [Number(from[0]), Number(to[0])]
  const [fromRest, toRest] = [from.slice(1), to.slice(1)]
  if (low === high) return sameLength(fromRest, toRest).map((rest) => `${low}${rest}`)
  const parts: string[] = []
  const fromIsLeast = /^0*$/.test(fromRest)
  const toIsMost = /^9*$/.test(toRest)
  const rest = fromRest.length === 0 ? '' : `[0-9]{${fromRest.length}}`
  const first = fromIsLeast ? low : low + 1
  const last = toIsMost ? high : high - 1
  if (!fromIsLeast) {
    for (const tail of sameLength(fromRest, '9'.repeat(fromRest.length)))
      parts.push(`${low}${tail}`)
  }
  if (first <= last) parts.push(`${first === last ? first : `[${first}-${last}]`}${rest}`)
  if (!toIsMost) {
    for (const tail of sameLength('0'.repeat(toRest.length), toRest)) parts.push(`${high}${tail}`)
  }
  return parts
}
