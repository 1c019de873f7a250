import { sha256Hex, shortId } from '../base/hash.ts'
import type { RuleMeta } from '../model/rule.ts'

/** What is known of a query beside its text. */
export interface QueryOptions {
  /** Default: a hash of the text. */
  readonly id?: string
  readonly title?: string
  /** Everything else of the rule the query belongs to, if it belongs to one. */
  readonly meta?: Partial<RuleMeta>
  /** Field of the event category (EQL); default `event.category`. */
  readonly eventCategoryField?: string
  /** Field of the event's time; default `@timestamp`. */
  readonly timestampField?: string
  /** Whether its matches are reported (a rule), not only collected. Default true. */
  readonly alerts?: boolean
}

/** The facts about an ad-hoc query, as of a rule. */
export function queryMeta(
  language: RuleMeta['language'],
  text: string,
  options: QueryOptions,
): RuleMeta {
  return {
    id: shortId(language, text),
    title: `${language.toUpperCase()} query`,
    language,
    author: '',
    severity: 'medium',
    life: 'live',
    hash: sha256Hex(text),
    tags: [],
    references: [],
    falsepositives: [],
    response: [],
    ...options.meta,
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(options.title === undefined ? {} : { title: options.title }),
  }
}
