import type { Result } from '../base/result.ts'
import type { Visibility } from './access.ts'

/** A search with fixed text and named values: what can be asked before there is a grammar. */
export interface SearchTemplate {
  readonly name: string
  readonly summary: string
  readonly parameters: readonly {
    readonly name: string
    readonly summary: string
    readonly required: boolean
    /** The field that its value is compared with: who may not see the field may not ask for it. */
    readonly field?: string
  }[]
}

export interface SearchRequest {
  readonly template: string
  readonly values: Readonly<Record<string, string>>
  /** Event time, ms since the epoch; the end is excluded. */
  readonly fromMs: number
  readonly toMs: number
  readonly limit: number
  /** Rows outside of it are neither returned nor counted. */
  readonly visibility?: Visibility
}

export interface SearchAnswer {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
  /** There were more rows than `limit`. */
  readonly truncated: boolean
}

/** The past, asked by template. Problems: STORE_…, and SEARCH_… for a request that does not fit. */
export interface Search {
  templates(): readonly SearchTemplate[]
  run(request: SearchRequest, signal?: AbortSignal): Promise<Result<SearchAnswer>>
}
