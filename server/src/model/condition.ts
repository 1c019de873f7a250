/**
 * The typed tree that every rule language lowers to: two-valued, over ECS field paths. A field with
 * several values passes a test when any of them does. `not` is plain negation (a missing field
 * makes `not (x = 1)` true, as in Sigma and KQL); languages with three-valued logic (EQL) lower
 * "is true" and "is false" separately, so that null never turns into a match.
 *
 * Values. A path names every value found under any spelling of it (`{a: {b: 1}}`, `{"a.b": 1}`,
 * arrays of objects); arrays are flattened; an object is no value. Numbers and booleans pass tests
 * of text by their JavaScript spelling, and text that is a decimal number passes tests of numbers.
 * Nothing deeper than `VALUE_DEPTH_MAX` levels is looked at.
 *
 * `label` names a node for a person (a selection of a Sigma rule); it has no meaning.
 */
export type Condition =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'field'; readonly path: string; readonly test: ValueTest }
  /** Some value anywhere in the event passes (Sigma keywords, KQL without a field). */
  | { readonly kind: 'anywhere'; readonly test: ValueTest }
  /** Some field whose name fits the pattern (`*` wildcards) passes the test (KQL). */
  | { readonly kind: 'fields'; readonly pattern: string; readonly test: ValueTest }
  /**
   * One object (of the array) at `path` satisfies the condition, whose paths are relative to it
   * (KQL nested).
   */
  | { readonly kind: 'nested'; readonly path: string; readonly part: Condition }
  | { readonly kind: 'expr'; readonly expr: Expr }
  | { readonly kind: 'and'; readonly parts: readonly Condition[]; readonly label?: string }
  | { readonly kind: 'or'; readonly parts: readonly Condition[]; readonly label?: string }
  | { readonly kind: 'not'; readonly part: Condition; readonly label?: string }

export const VALUE_DEPTH_MAX = 64

/** A test of one value. `cased: false` folds letter case (`base/fold.ts`). */
export type ValueTest =
  | { readonly kind: 'equals'; readonly value: string | number | boolean; readonly cased: boolean }
  | { readonly kind: 'prefix'; readonly value: string; readonly cased: boolean }
  | { readonly kind: 'suffix'; readonly value: string; readonly cased: boolean }
  | { readonly kind: 'substring'; readonly value: string; readonly cased: boolean }
  /** Text between wildcards, the whole value; `many`: any run, `one`: one code point. */
  | { readonly kind: 'wildcard'; readonly parts: readonly WildcardPart[]; readonly cased: boolean }
  /** RE2 syntax, found anywhere unless anchored; `flags` of i, m, s. */
  | { readonly kind: 'regex'; readonly pattern: string; readonly flags: string }
  /** IPv4 or IPv6 network in CIDR form. */
  | { readonly kind: 'cidr'; readonly network: string }
  /**
   * Order of numbers; of times where both sides are ISO 8601; else of text by code units. A number
   * and text compare only where the text is a decimal number.
   */
  | {
      readonly kind: 'compare'
      readonly op: 'lt' | 'lte' | 'gt' | 'gte'
      readonly value: number | string
    }
  /** Has a value that is not null: an empty string is one, an object where it holds one. */
  | { readonly kind: 'exists' }
  /** The field is there, whatever it holds: null and an empty list too (Sigma's exists). */
  | { readonly kind: 'present' }
  /**
   * A part of a time value, in UTC (Sigma's minute…year modifiers): ISO 8601 text, or a number of
   * the epoch's seconds, milli-, micro- or nanoseconds told apart by magnitude; ISO 8601 weeks.
   */
  | {
      readonly kind: 'timepart'
      readonly part: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'
      readonly value: number
    }
  /** Compared with the value of another field of the same event (Sigma's fieldref). */
  | {
      readonly kind: 'fieldref'
      readonly path: string
      readonly op: 'equals' | 'prefix' | 'suffix' | 'substring' | 'lt' | 'lte' | 'gt' | 'gte'
      readonly cased: boolean
    }

export type WildcardPart = string | { readonly any: 'one' | 'many' }

/**
 * A computed value with null (EQL): literals, fields, operators, function calls (`lang/functions.ts`).
 * A condition of kind `expr` holds only where the value is true, neither false nor null. Where
 * fields have several values, it holds if it does for some choice of one value for each field.
 */
export type Expr =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expr[] }
  | { readonly kind: 'condition'; readonly condition: Condition }
  /** Whether a computed value passes; null where it has none. */
  | { readonly kind: 'test'; readonly test: ValueTest; readonly arg: Expr }
