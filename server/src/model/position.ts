/**
 * A place in the journal. Opaque: compared only within one partition. Embedded there is one
 * partition, 0; `offset` counts batches from 1, `index` counts records within a batch from 0.
 */
export interface Position {
  readonly partition: number
  readonly offset: number
  readonly index: number
}

export function comparePositions(a: Position, b: Position): number {
  return a.offset - b.offset || a.index - b.index
}

export function formatPosition(position: Position): string {
  return `${position.partition}-${position.offset}-${position.index}`
}
