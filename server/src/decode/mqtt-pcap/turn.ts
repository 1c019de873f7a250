import { ANEW } from '../../base/anew.ts'
import type { DecodeSink, Draft } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'

/** Parts of an item from here on belong to what it opened and what is told later. */
export const LATER_PART = 1_000

/** The item under way: what it tells, and whether it waits to be told. */
export class Turn {
  item: RawItem = { text: '', key: '', receivedMs: 0 }
  /** Time of the packet. */
  atMs = 0
  out: DecodeSink | undefined
  /** Events of this item. */
  part = 0
  /** Things this item opened, which will be told with it as their origin. */
  opened = 0

  begin(item: RawItem, out: DecodeSink): void {
    this.item = item
    this.out = out
    this.part = 0
    this.opened = 0
  }

  tell(draft: Omit<Draft, 'part' | 'origin'>): void {
    this.out?.event({ ...ANEW, ...draft, part: this.part })
    this.part += 1
  }

  /** Reserves a part for what will be told later; the item then waits instead of being routine. */
  open(): Origin {
    const { key, receivedMs, facts } = this.item
    const part = LATER_PART + this.opened
    this.opened += 1
    return { key, receivedMs, ...(facts === undefined ? {} : { facts }), part }
  }

  tellLater(draft: Omit<Draft, 'part' | 'origin'>, { part, ...origin }: Origin): void {
    this.out?.event({ ...ANEW, ...draft, part, origin: { text: '', ...origin } })
  }
}

/** An item to which an event belongs that is told later. */
export interface Origin {
  readonly key: string
  readonly receivedMs: number
  readonly facts?: Readonly<Record<string, string>>
  readonly part: number
}
