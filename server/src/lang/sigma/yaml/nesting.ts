import { CST, Lexer } from 'yaml'

/** Brackets, or dashes and colons of one line, that stand in one another. */
const NESTING_MAX = 100
/** Columns before the content of a line: each level of block structure takes at least one. */
const INDENT_MAX = 400

/**
 * Whether YAML is nested deeper than a parser that recurses can bear. It must be asked before: a
 * stack that runs out inside such a parser can end the process. The lexer does not recurse, but
 * takes time, so that text is only lexed where a glance cannot clear it.
 */
export function isTooDeep(text: string): boolean {
  return !isPlainlyFlat(text) && isDeepByTokens(text)
}

/** Too few brackets, dashes and colons to be deep, whatever they mean. Never wrong where it says so. */
function isPlainlyFlat(text: string): boolean {
  let brackets = 0
  let indicators = 0
  let indent = 0
  let isIndent = true
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === 10 || char === 13) {
      indicators = 0
      indent = 0
      isIndent = true
    } else if (char === 91 || char === 123) {
      if (++brackets > NESTING_MAX) return false
    } else if (char === 45 || char === 63 || char === 58) {
      if (++indicators > NESTING_MAX) return false
    }
    if (isIndent && char === 32) {
      if (++indent > INDENT_MAX) return false
    } else if (char !== 10 && char !== 13) isIndent = false
  }
  return true
}

function isDeepByTokens(text: string): boolean {
  let depth = 0
  let indicators = 0
  let column = 0
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token)
    if (type === 'newline') {
      indicators = 0
      column = 0
      continue
    }
    if (type === 'flow-seq-start' || type === 'flow-map-start') depth++
    else if (type === 'flow-seq-end' || type === 'flow-map-end') depth--
    else if (type === 'seq-item-ind' || type === 'explicit-key-ind') {
      indicators++
      if (column > INDENT_MAX) return true
    } else if (type === 'map-value-ind') {
      if (depth === 0) indicators++
      if (column > INDENT_MAX + KEY_CHARS_MAX) return true
    }
    if (depth > NESTING_MAX || indicators > NESTING_MAX) return true
    column += token.length
  }
  return false
}

/** YAML's own limit of a key on one line. */
const KEY_CHARS_MAX = 1_024
