import { z } from 'zod'
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from '../base/units.ts'

/**
 * The forms that options of sources, outputs and sections take in the configuration file. Each is a
 * codec: text in the file, a number or object in the program, and back for `picket config show`.
 */

/** `60s`, `1h30m` in the file; milliseconds in the program. */
export function durationOption(bounds: { minMs?: number; maxMs?: number } = {}) {
  const { minMs = 0, maxMs = 100 * 365 * 86_400_000 } = bounds
  const range = `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`
  return z
    .codec(
      z.string({ error: 'a duration needs its unit: 250ms, 60s, 5m, 1h30m, 7d' }),
      z.number(),
      {
        decode: (text, context) => {
          const ms = parseDurationMs(text)
          if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms
          const message =
            ms === undefined
              ? 'not a duration; write it as 250ms, 60s, 5m, 1h30m or 7d'
              : `the duration must be ${range}`
          context.issues.push({ code: 'custom', message, input: text })
          return z.NEVER
        },
        encode: formatDuration,
      },
    )
    .meta({ form: 'duration', range })
}

/** `512KiB`, `10GiB` in the file; bytes in the program. */
export function sizeOption(bounds: { minBytes?: number; maxBytes?: number } = {}) {
  const { minBytes = 0, maxBytes = 2 ** 50 } = bounds
  const range = `from ${formatSize(minBytes)} to ${formatSize(maxBytes)}`
  return z
    .codec(z.string({ error: 'a size needs its unit: 64KiB, 512MiB, 10GiB' }), z.number(), {
      decode: (text, context) => {
        const bytes = parseSizeBytes(text)
        if (bytes !== undefined && bytes >= minBytes && bytes <= maxBytes) return bytes
        const message =
          bytes === undefined
            ? 'not a size; write it as 64KiB, 512MiB or 10GiB'
            : `the size must be ${range}`
        context.issues.push({ code: 'custom', message, input: text })
        return z.NEVER
      },
      encode: formatSize,
    })
    .meta({ form: 'size', range })
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:8600`, `[::1]:8600`, `localhost:0` in the file; host and port in the program. */
export function listenOption() {
  return z
    .codec(z.string(), z.custom<ListenAddress>(), {
      decode: (text, context) => {
        const address = parseListen(text)
        if (address !== undefined) return address
        const message = 'not an address; write it as 127.0.0.1:8600 or [::1]:8600'
        context.issues.push({ code: 'custom', message, input: text })
        return z.NEVER
      },
      encode: ({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`),
    })
    .meta({ form: 'address' })
}

function parseListen(text: string): ListenAddress | undefined {
  const [, six, host = six, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (host === undefined || port > 65_535) return undefined
  return { host, port }
}

/** A secret never stands in the file: only where it is to be found. */
export type SecretRef =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly command: readonly string[] }

const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not the name of a variable')
const fromEnv = z.strictObject({ env: envName })
const fromFile = z.strictObject({ file: z.string().min(1).max(4_096) })
const fromCommand = z.strictObject({
  command: z.array(z.string().max(4_096)).min(1).max(64),
})

/** `{ env: NAME }` or `{ file: PATH }`. */
export function secretOption() {
  const form = '{ env: NAME } or { file: PATH }'
  return z.union([fromEnv, fromFile], { error: secretMessage(form) }).meta({ form: 'secret' })
}

/** A secret that a program may give too: `{ command: [program, argument…] }`, run without a shell. */
export function secretOrCommandOption() {
  const form = '{ env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }'
  return z
    .union([fromEnv, fromFile, fromCommand], { error: secretMessage(form) })
    .meta({ form: 'secret' })
}

/** The message says nothing of the value: it may be the secret itself. */
function secretMessage(form: string): () => string {
  return () => `a secret is named, not written here; give ${form}`
}
