import { RE2JS } from 're2js'

export interface Search {
  /** Numbers of the named groups. */
  readonly names: Readonly<Record<string, number>>
  /** The groups of the first match, which is group 0; undefined where there is none. */
  readonly find: (text: string) => readonly (string | null)[] | undefined
}

/**
 * A regular expression of RE2 whose groups are wanted. Most texts are of another form, and whether an
 * expression fits at all is known much sooner than its groups are; these are then found in one pass,
 * for which a `Matcher` takes two. Throws where it is no expression.
 */
export function searching(pattern: string): Search {
  const compiled = RE2JS.compile(pattern)
  const machine = compiled.re2()
  return {
    names: compiled.matcher('').namedGroups as Readonly<Record<string, number>>,
    find: (text) =>
      compiled.test(text)
        ? ((machine.findSubmatch(text) as (string | null)[] | null) ?? undefined)
        : undefined,
  }
}
