import { ProblemError } from '../../base/problems.ts'
import { loadConfig } from '../../config/config.ts'
import { AssetIndex } from '../../fleet/asset-index.ts'
import { lookedAt, type Looked, resolve, type Resolution } from '../../fleet/resolve.ts'
import type { ResolveOptions } from '../../fleet/resolve.ts'
import { fieldOf } from '../../model/event.ts'
import type { CliContext } from '../context.ts'
import { readAssetsNow } from '../hunt/assets.ts'
import { takeAssets } from '../input/as-served.ts'
import { type EventFlags, type GivenEvent, givenEvents, shortName } from '../input/given-events.ts'

export interface ResolveFlags extends EventFlags {
  readonly assets?: string
  readonly json?: boolean
}

/** Leases are learnt by a running server from what DHCP servers say. */
const NO_LEASES: ResolveOptions['leases'] = { size: 0, holder: () => undefined }

/** `picket asset resolve EVENT`: which asset an event is of, by which rule, and what else was looked at. */
export async function resolveEvents(
  event: string,
  flags: ResolveFlags,
  context: CliContext,
): Promise<void> {
  const options = { ...(await tableOf(flags, context)), leases: NO_LEASES }
  for (const given of await givenEvents(event, withoutConfig(flags), context)) {
    const timeMs = timeOf(given, context)
    const found = resolve(given.doc, timeMs, options)
    const looked = lookedAt(given.doc, timeMs, options)
    if (flags.json === true) {
      const { line } = given
      const row = {
        ...(line !== undefined && { line }),
        ...(found ?? { state: 'unknown' }),
        looked,
      }
      context.stdout.write(`${JSON.stringify(row)}\n`)
    } else
      context.stdout.write(`${shortName(given)}\n${told(found)}\n${before(given)}${table(looked)}`)
  }
}

/** What the server has joined already would be looked up as it is then. */
function withoutConfig({ decoder, option, data }: ResolveFlags): EventFlags {
  return { option, ...(decoder !== undefined && { decoder }), ...(data !== undefined && { data }) }
}

async function tableOf(
  flags: ResolveFlags,
  context: CliContext,
): Promise<Pick<ResolveOptions, 'assets' | 'precedence'>> {
  const loaded = await loadConfig(flags.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  const { identity } = loaded.value
  const path = flags.assets ?? identity.assets
  const { precedence } = identity
  const assets = new AssetIndex()
  if (path !== undefined) takeAssets(path, assets)
  else for (const asset of (await readAssetsNow(flags, context)).assets) assets.put(asset)
  return { assets, precedence }
}

function timeOf({ doc }: GivenEvent, context: CliContext): number {
  const ms = Date.parse(String(fieldOf(doc, '@timestamp')))
  return Number.isNaN(ms) ? context.clock.now() : ms
}

function told(found: Resolution | undefined): string {
  if (found === undefined) return '  no asset lists anything that it says'
  if (found.state === 'resolved') return `  ${found.id}, by its ${found.rule}`
  const of = found.candidates.join(', ')
  const by = found.rules.join(' and ')
  return found.state === 'ambiguous'
    ? `  ambiguous: ${by} fits ${of}, and nothing else in the event tells which`
    : `  conflict: ${by} name different assets (${of})`
}

/** A stored event bears the asset as it was then. */
function before({ doc }: GivenEvent): string {
  const rule = fieldOf(doc, 'iot.identity.rule')
  return rule === undefined
    ? ''
    : `  when it came, it was joined by its ${[rule].flat().join(', ')}\n`
}

function table(looked: readonly Looked[]): string {
  return looked
    .map(({ rule, values, ids }) => {
      const said = values.length === 0 ? '-' : values.join(', ')
      const nobody = rule === 'lease' ? 'leases are known to the server alone' : 'nobody lists it'
      const listed = ids.length > 0 ? ids.join(', ') : values.length > 0 ? nobody : ''
      return `    ${rule.padEnd(12)} ${said.slice(0, 60).padEnd(40)} ${listed}`.trimEnd()
    })
    .join('\n')
    .concat('\n')
}
