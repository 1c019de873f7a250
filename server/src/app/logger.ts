import { pino } from 'pino'
import type { LogFields, Logger } from '../base/log.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What is written from now on, by a logger and all its children. */
export interface Volume {
  level: LogLevel
}

/** JSON lines on standard error; `pretty` writes one short line for a person instead. */
export function createLogger(volume: Volume, pretty: boolean): Logger {
  if (pretty) return prettyLogger(volume, {})
  const base = pino(
    {
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination(2),
  )
  return wrap(base, volume)
}

/** What of pino's logger is used; its own type does not survive `child`. */
interface PinoLike extends Record<'debug' | 'info' | 'warn' | 'error', WriteLine> {
  child(fields: LogFields): PinoLike
}
type WriteLine = (fields: LogFields, message: string) => void

function wrap(log: PinoLike, volume: Volume): Logger {
  const write =
    (name: Exclude<LogLevel, 'silent'>): WriteLine =>
    (fields, message) => {
      if (RANK[name] >= RANK[volume.level]) log[name](fields, message)
    }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => wrap(log.child(fields), volume),
  }
}

const RANK = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 }

function prettyLogger(volume: Volume, bound: LogFields): Logger {
  const write =
    (name: keyof typeof RANK) =>
    (fields: LogFields, message: string): void => {
      if (RANK[name] < RANK[volume.level]) return
      const all = Object.entries({ ...bound, ...fields })
      const text = all.map(([key, value]) => ` ${key}=${printable(value)}`).join('')
      process.stderr.write(`${new Date().toISOString()} ${name} ${message}${text}\n`)
    }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => prettyLogger(volume, { ...bound, ...fields }),
  }
}

/** JSON escapes control characters, so that a value cannot forge a line. */
function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')
  return /^[\w.:/@%+-]+$/.test(text) ? text : JSON.stringify(text)
}
