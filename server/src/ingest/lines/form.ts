/** What a line is to the lines before it: more of them, their end, or of something else. */
export type LineVerdict = 'part' | 'last' | 'none'

/** Lines that belong together, as far as they came. */
export interface OpenLines {
  /** Judges the next line; `none` leaves it as it was. */
  take(line: string): LineVerdict
}

/** How lines that belong together are known. Pure: the same lines give the same verdicts. */
export interface LineForm {
  /**
   * It has an end of its own (a document): what broke off before that end was none, and its lines stand
   * alone. Otherwise it ends where the next begins, or where nothing more comes.
   */
  readonly hasEnd: boolean
  /** What a line begins; undefined where it stands alone. */
  begin(line: string): OpenLines | undefined
}
