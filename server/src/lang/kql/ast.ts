/** KQL as parsed. `at` is the offset of a node's first character. */
export type KqlNode =
  | { readonly kind: 'all' }
  | { readonly kind: 'or' | 'and'; readonly parts: readonly KqlNode[]; readonly at: number }
  | { readonly kind: 'not'; readonly part: KqlNode; readonly at: number }
  /** A literal without a field. */
  | { readonly kind: 'value'; readonly value: KqlLiteral; readonly at: number }
  | {
      readonly kind: 'list'
      readonly field: KqlLiteral
      readonly list: KqlList
      readonly at: number
    }
  | {
      readonly kind: 'range'
      readonly field: KqlLiteral
      readonly op: '<' | '<=' | '>' | '>='
      readonly value: KqlLiteral
      readonly at: number
    }
  | {
      readonly kind: 'nested'
      readonly field: KqlLiteral
      readonly part: KqlNode
      readonly at: number
    }

export type KqlList =
  | { readonly kind: 'or' | 'and'; readonly parts: readonly KqlList[]; readonly at: number }
  | { readonly kind: 'not'; readonly part: KqlList; readonly at: number }
  | { readonly kind: 'value'; readonly value: KqlLiteral; readonly at: number }

export interface KqlLiteral {
  readonly quoted: boolean
  /** Text, and null for each wildcard. */
  readonly parts: readonly (string | null)[]
}
