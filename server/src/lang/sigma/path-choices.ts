import type { Alternatives } from '../../model/correlation.ts'

/**
 * Gathers where else the fields of a key or value are found: a field of a rule may stand for several
 * paths, of which events have one.
 */
export class PathChoices {
  readonly #others = new Map<string, readonly string[]>()

  /** The first of the paths of a field; the others are remembered under it. */
  first(paths: readonly string[], field: string): string {
    const [path = field, ...others] = paths
    const known = this.#others.get(path) ?? []
    const all = [...new Set([...known, ...others])].filter((each) => each !== path)
    if (all.length > 0) this.#others.set(path, all)
    return path
  }

  toField(): { readonly alternatives?: Alternatives } {
    return this.#others.size === 0 ? {} : { alternatives: Object.fromEntries(this.#others) }
  }
}
