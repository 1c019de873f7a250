export interface Shape {
  /** A sentence on what is too large, or undefined. */
  readonly problem: string | undefined
  /** Some key has a dot in it, or is `__proto__`. */
  readonly dotted: boolean
}

export interface Limits {
  readonly depthMax: number
  readonly valuesMax: number
}

/** Depth, number of values and kinds of keys of a parsed document, in one walk that ends at a limit. */
export function measure(value: object, limits: Limits): Shape {
  const walk: Walk = { limits, values: 0, dotted: false, problem: undefined }
  visit(value, 1, walk)
  return walk
}

interface Walk {
  readonly limits: Limits
  values: number
  dotted: boolean
  problem: string | undefined
}

function visit(value: object, depth: number, walk: Walk): void {
  const { depthMax, valuesMax } = walk.limits
  if (depth > depthMax) {
    walk.problem = `Nested more than ${depthMax} deep.`
    return
  }
  if (Array.isArray(value)) {
    walk.values += value.length
    for (const inner of value as unknown[]) {
      if (inner !== null && typeof inner === 'object') visit(inner, depth + 1, walk)
      if (walk.problem !== undefined) return
    }
  } else {
    for (const key in value) {
      walk.values += 1
      if (key.includes('.') || key === '__proto__') walk.dotted = true
      const inner = (value as Readonly<Record<string, unknown>>)[key]
      if (inner !== null && typeof inner === 'object') visit(inner, depth + 1, walk)
      if (walk.problem !== undefined) return
    }
  }
  if (walk.values > valuesMax) walk.problem = `More than ${valuesMax} values.`
}
