/**
 * Numbers that the writing thread publishes and every thread reads without asking. Each is whole by
 * itself; together they may be one commit apart.
 */
const FIELDS = ['last', 'first', 'bytes', 'entries', 'oldestMs', 'full', 'diskFull'] as const
type Field = (typeof FIELDS)[number]

const AT = Object.fromEntries(FIELDS.map((name, index) => [name, index])) as Record<Field, number>

export class SharedView {
  readonly memory: SharedArrayBuffer
  readonly #cells: BigInt64Array

  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(FIELDS.length * 8)
    this.#cells = new BigInt64Array(this.memory)
  }

  get(field: Field): number {
    return Number(Atomics.load(this.#cells, AT[field]))
  }

  set(field: Field, value: number): void {
    Atomics.store(this.#cells, AT[field], BigInt(Math.floor(value)))
  }
}
