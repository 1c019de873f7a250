import { ANEW } from '../base/anew.ts'
import type { Block, Episode } from './episode.ts'
import { UNTOLD } from './origin.ts'

/** An episode as it is saved: JSON has no Infinity. */
export type EpisodeRow = Omit<Episode, 'openUntilMs' | 'settled'> & {
  openUntilMs: number | null
  settled: Block | null
}

export function toRow(episode: Episode): EpisodeRow {
  const { openUntilMs, settled } = episode
  return {
    ...ANEW,
    ...episode,
    openUntilMs: Number.isFinite(openUntilMs) ? openUntilMs : null,
    settled: settled ?? null,
  }
}

export function fromRow(row: EpisodeRow): Episode {
  const { openUntilMs, settled } = row
  return {
    ...row,
    openUntilMs: openUntilMs ?? Number.NEGATIVE_INFINITY,
    // Kept by an older version: where its events came from was not told.
    settled: settled === null ? undefined : { ...settled, origins: settled.origins ?? [UNTOLD] },
    continues: row.continues,
    matched: row.matched,
  }
}
