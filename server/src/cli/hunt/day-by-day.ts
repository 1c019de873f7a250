import type { AlertRecord } from '../../model/alert.ts'
import type { AlertPrinter } from '../detect/print-alerts.ts'
import { type HuntKey, removeCheckpoint, type SavedHunt, writeCheckpoint } from './checkpoint.ts'

/** Alerts of one day that are held back; more are told at once, and again after an interruption. */
const HELD_MAX = 20_000

/**
 * Tells alerts when the day in which they were found is whole, and then says so in the file: what was
 * told of a day is not told again by the hunt that goes on.
 */
export class DayByDay {
  readonly #file: string
  readonly #saved: SavedHunt
  readonly #printer: AlertPrinter
  #held: AlertRecord[] = []

  constructor(
    file: string,
    how: {
      readonly key: HuntKey
      readonly range: Pick<SavedHunt, 'fromMs' | 'toMs' | 'nowMs'>
      readonly printer: AlertPrinter
    },
  ) {
    const { fromMs, toMs, nowMs } = how.range
    this.#file = file
    this.#saved = { picketHunt: 2, key: how.key, fromMs, toMs, nowMs }
    this.#printer = how.printer
  }

  /** The file is made at the beginning, so that relative times are kept. */
  begin(): void {
    writeCheckpoint(this.#file, this.#saved)
  }

  async keep(checkpoint: string): Promise<void> {
    await this.end()
    writeCheckpoint(this.#file, { ...this.#saved, checkpoint })
  }

  async print(alerts: readonly AlertRecord[]): Promise<void> {
    this.#held.push(...alerts)
    if (this.#held.length > HELD_MAX) await this.end()
  }

  async end(): Promise<void> {
    const held = this.#held
    this.#held = []
    await this.#printer.print(held)
  }

  done(): void {
    removeCheckpoint(this.#file)
  }
}
