/**
 * How far each partition is journalled. Saved as a cursor with the events of each batch, in one
 * transaction: a message that comes again because a crash or a rebalance came between the flush and
 * the commit of its offset is recognised. The id of the topic is part of it, because a topic that is
 * deleted and made anew begins at offset 0 again.
 */
export class Positions {
  readonly #next = new Map<string, { readonly topicId: string; readonly offset: bigint }>()

  restore(cursors: ReadonlyMap<string, string>): void {
    for (const [key, value] of cursors) {
      const [, topicId, offset] = /^(\S+) (\d+)$/.exec(value) ?? []
      if (topicId !== undefined && offset !== undefined) {
        this.#next.set(key, { topicId, offset: BigInt(offset) })
      }
    }
  }

  isJournalled(key: string, topicId: string, offset: bigint): boolean {
    const next = this.#next.get(key)
    return next !== undefined && next.topicId === topicId && offset < next.offset
  }

  cursorFor(key: string, topicId: string, next: bigint): { key: string; value: string } {
    return { key, value: `${topicId} ${next}` }
  }

  moved(key: string, topicId: string, offset: bigint): void {
    this.#next.set(key, { topicId, offset })
  }
}

/** Key of a partition's cursor. */
export const partitionKey = (topic: string, partition: number): string => `${topic}/${partition}`
