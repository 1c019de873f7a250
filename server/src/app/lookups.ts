import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Config } from '../config/schema.ts'
import { lookupSettings } from '../config/lookup-settings.ts'
import {
  type Lookups,
  type LookupSettings,
  startLookups,
  type TableInUse,
} from '../ingest/lookup/lookups.ts'
import type { Journal } from '../model/journal.ts'

interface LookupContext {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly env: Readonly<Record<string, string | undefined>>
  readonly journal: Pick<Journal, 'append'>
}

/** Type of the control record that says which table a lookup gives out from there on. */
const LOOKUP_CONTROL = 'lookup'

export interface OpenLookups extends Omit<Lookups, 'take'> {
  /** Takes the section `lookups` over; tables that are slow to be read come later. */
  take(config: Config): Promise<void>
}

/** Starts the lookups of a configuration. */
export function openLookups(context: LookupContext): OpenLookups {
  const all = (config: Config): LookupSettings[] => lookupSettings(config, context.env)
  const { clock, journal } = context
  const note = async (body: TableInUse): Promise<void> => {
    const atMs = clock.now()
    const controls = [{ type: LOOKUP_CONTROL, atMs, body }]
    await journal.append({ source: 'app', ingestedMs: atMs, controls })
  }
  const lookups = startLookups(all(context.config), { ...context, note })
  return { ...lookups, take: (config) => soon(lookups.take(all(config))) }
}

const WAIT_MS = 2_000

/** What answers soon is known from the first event on; nobody waits for the rest. */
export async function soon(begun: Promise<void>): Promise<void> {
  await Promise.race([begun, sleep(WAIT_MS, undefined, { ref: false })])
}
