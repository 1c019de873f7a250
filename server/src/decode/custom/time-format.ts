import { asTime } from '../document/values.ts'
import { StampReader } from '../line/stamp.ts'
import type { ZoneOffset } from '../line/zone.ts'
import type { TimeRule } from './mapping.ts'

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec'
const TOKEN = /yyyy|yy|MMM|MM|dd|d|HH|H|mm|ss|SSSSSS|SSS|X+|Z/g

const PATTERNS: Readonly<Record<string, string>> = {
  yyyy: '(\\d{4})',
  yy: '(\\d\\d)',
  MMM: '([A-Za-z]{3})[a-z]*',
  MM: '(\\d\\d)',
  dd: '(\\d\\d)',
  d: ' ?(\\d{1,2})',
  HH: '(\\d\\d)',
  H: '(\\d{1,2})',
  mm: '(\\d\\d)',
  ss: '(\\d\\d)',
  SSS: '(\\d{1,3})',
  SSSSSS: '(\\d{1,6})',
}

/** `Z` and `X`: what is left of the letters. */
const OFFSET = '(Z|[+-]\\d\\d:?\\d\\d)'

/**
 * How a time is written: `auto` (every stamp that logs of programs have), `epoch` and `epoch_ms`, or
 * letters as in Java (`dd/MMM/yyyy:HH:mm:ss Z`). A sentence where the format cannot be read.
 */
export function timeReader(format: string, zone: ZoneOffset): TimeRule['read'] | string {
  if (format === 'auto') return automatic(zone)
  if (format === 'epoch') return scaled(1_000)
  if (format === 'epoch_ms') return scaled(1)
  const names: string[] = []
  let source = ''
  let from = 0
  for (const { 0: token, index } of format.matchAll(TOKEN)) {
    source += escaped(format.slice(from, index)) + (PATTERNS[token] ?? OFFSET)
    names.push(token)
    from = index + token.length
  }
  source += escaped(format.slice(from))
  if (/[A-SU-Za-su-z]/.test(format.replaceAll(TOKEN, '').replaceAll(/'[^']*'/g, ''))) {
    return 'a time format has the letters yyyy, MM, MMM, dd, d, HH, H, mm, ss, SSS, Z or X'
  }
  if (!names.includes('yyyy') && !names.includes('yy')) return 'the time format has no year'
  const pattern = new RegExp(`^${source}$`)
  return (value) => {
    if (typeof value !== 'string' || value.length > 64) return undefined
    const found = pattern.exec(value)
    return found === null ? undefined : assemble(names, found, zone)
  }
}

const escaped = (text: string): string =>
  text.replaceAll("'", '').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

function automatic(zone: ZoneOffset): TimeRule['read'] {
  const stamp = new StampReader({ zone, monthFirst: false })
  return (value, receivedMs) => {
    if (typeof value === 'string' && stamp.read(value, 0, receivedMs)) {
      if (stamp.end === value.length) return stamp.ms
    }
    return asTime(value)
  }
}

function scaled(factor: number): TimeRule['read'] {
  return (value) => {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isFinite(number)) return undefined
    const ms = Math.trunc(number * factor)
    return Math.abs(ms) <= 8.64e15 ? ms : undefined
  }
}

function assemble(
  names: readonly string[],
  found: RegExpExecArray,
  zone: ZoneOffset,
): number | undefined {
  let [year, month, day, hour, minute, second, fraction] = [1970, 1, 1, 0, 0, 0, 0]
  let offset: number | undefined
  for (const [index, name] of names.entries()) {
    const text = found[index + 1] ?? ''
    const number = Number(text)
    if (name === 'yyyy') year = number
    else if (name === 'yy') year = 2000 + number
    else if (name === 'MM') month = number
    else if (name === 'MMM') month = MONTHS.indexOf(text.toLowerCase()) / 3 + 1
    else if (name === 'dd' || name === 'd') day = number
    else if (name === 'HH' || name === 'H') hour = number
    else if (name === 'mm') minute = number
    else if (name === 'ss') second = number
    else if (name.startsWith('S')) fraction = Math.trunc(Number(`0.${text}`) * 1_000)
    else offset = offsetOf(text)
  }
  if (!Number.isInteger(month) || month < 1 || month > 12 || hour > 23 || minute > 59)
    return undefined
  const dayMs = Date.UTC(year, month - 1, day)
  if (second > 60 || new Date(dayMs).getUTCDate() !== day) return undefined
  const local = dayMs + ((hour * 60 + minute) * 60 + second) * 1_000 + fraction
  return local - (offset ?? zone(local))
}

function offsetOf(text: string): number {
  if (text === 'Z') return 0
  const digits = text.slice(1).replace(':', '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return (text.startsWith('-') ? -minutes : minutes) * 60_000
}
