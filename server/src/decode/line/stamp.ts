import type { ZoneOffset } from './zone.ts'

export interface StampOptions {
  readonly zone: ZoneOffset
  /** Reads `03/04/2026` as 3 April unless set. */
  readonly monthFirst: boolean
}

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec'
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** Lines of one log are no more than this out of order: what goes back further, went back an hour. */
const BACK_MS = 120_000
/** A source's clock may be so much ahead of ours. */
const AHEAD_MS = 60_000

/**
 * Reads a time stamp at a place of a text, by character codes: this runs for every line. After
 * `read` returned true: `end` is the first index behind the stamp, `ms` its time, `zoned` whether
 * the stamp itself fixes the time (epoch, or a zone is written).
 */
export class StampReader {
  end = 0
  ms = 0
  zoned = false
  /** The stamp is epoch seconds. */
  epoch = false
  /** The stamp has no fraction: it stands for any time within its second. */
  whole = true
  readonly #options: StampOptions
  #lastText = ''
  #lastMs = 0
  #receivedMs = 0
  /** Time of the stamp before, where its zone was the configured one. */
  #beforeMs = 0

  constructor(options: StampOptions) {
    this.#options = options
  }

  read(text: string, at: number, receivedMs: number): boolean {
    const code = text.charCodeAt(at)
    this.epoch = false
    this.whole = true
    this.#receivedMs = receivedMs
    if (isDigit(code)) {
      return (
        this.#readEpoch(text, at) ||
        this.#readIso(text, at) ||
        this.#readDayFirst(text, at) ||
        this.#readClock(text, at, receivedMs)
      )
    }
    return this.#readMonthName(text, at, receivedMs)
  }

  /** `1795301345` or `1795301345.123`, 9 or 10 digits before the point: years 1973 to 2286. */
  #readEpoch(text: string, at: number): boolean {
    let end = at
    let value = 0
    for (let code = text.charCodeAt(end); isDigit(code); code = text.charCodeAt(++end)) {
      value = value * 10 + (code - 48)
      if (end - at > 10) return false
    }
    const length = end - at
    if (length !== 10 && length !== 9) return false
    this.end = end
    this.ms = value * 1000
    this.#readFraction(text)
    this.zoned = true
    this.epoch = true
    return true
  }

  /** `2026-11-21T22:51:22`, also with a space or `/` in it, with a fraction, with a zone. */
  #readIso(text: string, at: number): boolean {
    const sep = text.charCodeAt(at + 4)
    if ((sep !== 45 && sep !== 47) || text.charCodeAt(at + 7) !== sep) return false
    const mark = text.charCodeAt(at + 10)
    if (mark !== 84 && mark !== 32 && mark !== 45 && mark !== 116) return false
    if (text.startsWith(this.#lastText, at) && this.#lastText !== '') {
      this.end = at + 19
      this.ms = this.#lastMs
    } else {
      const year = digits(text, at, 4)
      const month = digits(text, at + 5, 2)
      const day = digits(text, at + 8, 2)
      const clock = clockMs(text, at + 11)
      if (!isDay(year, month, day) || clock < 0) return false
      this.end = at + 19
      this.ms = Date.UTC(year, month - 1, day) + clock
      this.#lastText = text.slice(at, this.end)
      this.#lastMs = this.ms
    }
    this.#readFraction(text)
    this.#readZone(text)
    return true
  }

  /** `21.11.2026 22:51:22`, `21/11/2026 22:51:22`, `21-Nov-2026 22:51:22`. */
  #readDayFirst(text: string, at: number): boolean {
    const sep = text.charCodeAt(at + 2)
    if (sep !== 46 && sep !== 47 && sep !== 45) return false
    let first = digits(text, at, 2)
    let month = digits(text, at + 3, 2)
    let next = at + 6
    if (month < 0) {
      month = monthOf(text, at + 3)
      next = at + 7
    } else if (sep === 47 && (this.#options.monthFirst || month > 12)) {
      ;[first, month] = [month, first]
    }
    const year = digits(text, next, 4)
    const clock = clockMs(text, next + 5)
    if (text.charCodeAt(next - 1) !== sep || !isDay(year, month, first) || clock < 0) return false
    this.end = next + 13
    this.ms = Date.UTC(year, month - 1, first) + clock
    this.#readFraction(text)
    this.#readZone(text)
    return true
  }

  /** `22:51:22`: the latest such time that is not past the receipt by more than an hour. */
  #readClock(text: string, at: number, receivedMs: number): boolean {
    const clock = clockMs(text, at)
    if (clock < 0) return false
    const offset = this.#options.zone(receivedMs)
    const day = Math.floor((receivedMs + offset) / DAY_MS) * DAY_MS
    let local = day + clock
    if (local - offset > receivedMs + 3_600_000) local -= DAY_MS
    this.end = at + 8
    this.ms = local
    this.#readFraction(text)
    this.#toUtc()
    return true
  }

  /** `Nov 21 22:51:22`, `Nov  1 22:51:22`, `Sat Nov 21 22:51:22 2026`. */
  #readMonthName(text: string, from: number, receivedMs: number): boolean {
    let at = from
    let month = monthOf(text, at)
    if (month < 0 && isWeekday(text, at)) {
      at += text.charCodeAt(at + 3) === 44 ? 5 : 4
      month = monthOf(text, at)
    }
    if (month < 0 || text.charCodeAt(at + 3) !== 32) return false
    let next = at + 4
    if (text.charCodeAt(next) === 32) next += 1
    const wide = isDigit(text.charCodeAt(next + 1))
    const day = digits(text, next, wide ? 2 : 1)
    next += wide ? 3 : 2
    const early = digits(text, next, 4)
    if (early > 1969 && text.charCodeAt(next + 4) === 32) next += 5
    const clock = clockMs(text, next)
    if (day < 1 || day > 31 || clock < 0 || text.charCodeAt(next - 1) !== 32) return false
    this.end = next + 8
    this.ms = 0
    this.#readFraction(text)
    const extra = this.ms
    const late = text.charCodeAt(this.end) === 32 ? digits(text, this.end + 1, 4) : -1
    let year = early
    if (early < 1970 && late > 1969 && !isDigit(text.charCodeAt(this.end + 5))) {
      year = late
      this.end += 5
    }
    const clockLocal = clock + extra
    if (year > 1969) this.ms = Date.UTC(year, month - 1, day) + clockLocal
    else this.ms = withYear(month, day, clockLocal, receivedMs)
    this.#readZone(text)
    return true
  }

  /** Adds the fraction behind `end` to `ms`. */
  #readFraction(text: string): void {
    const mark = text.charCodeAt(this.end)
    if ((mark !== 46 && mark !== 44) || !isDigit(text.charCodeAt(this.end + 1))) return
    let scale = 100
    let at = this.end + 1
    for (let code = text.charCodeAt(at); isDigit(code) && at - this.end <= 9;) {
      this.ms += Math.floor((code - 48) * scale)
      scale = scale > 1 ? scale / 10 : 0
      code = text.charCodeAt(++at)
    }
    this.end = at
    this.whole = false
  }

  /** A zone behind `end`: `Z`, `+0100`, `+01:00`, or none: then the configured zone. */
  #readZone(text: string): void {
    let at = this.end
    if (text.charCodeAt(at) === 32 && isSign(text.charCodeAt(at + 1))) at += 1
    const code = text.charCodeAt(at)
    if (code === 90 || code === 122) {
      this.end = at + 1
      this.zoned = true
      return
    }
    if (isSign(code)) {
      const hours = digits(text, at + 1, 2)
      const colon = text.charCodeAt(at + 3) === 58 ? 1 : 0
      const minutes = digits(text, at + 3 + colon, 2)
      if (hours >= 0 && hours <= 14 && minutes >= 0) {
        const offset = (hours * 60 + minutes) * 60_000
        this.ms -= code === 45 ? -offset : offset
        this.end = at + 5 + colon
        this.zoned = true
        return
      }
    }
    this.#toUtc()
  }

  #toUtc(): void {
    const { zone } = this.#options
    const local = this.ms
    this.ms = local - zone(local)
    this.zoned = false
    const later = local - zone(local, true)
    if (later !== this.ms && this.#isLater(this.ms, later)) this.ms = later
    this.#beforeMs = this.ms
  }

  /**
   * Of a local time that occurs twice, whether it is the second: the stamps were there already (they
   * went back an hour, or are in the second hour since), or it was received within the hour after.
   */
  #isLater(first: number, later: number): boolean {
    const before = this.#beforeMs
    if (before > first + BACK_MS && before < later + HOUR_MS) return true
    const age = this.#receivedMs - later
    return age > -AHEAD_MS && age < HOUR_MS
  }
}

/** The year that brings the day nearest to the receipt, at most a day ahead of it. */
function withYear(month: number, day: number, clock: number, receivedMs: number): number {
  const year = new Date(receivedMs).getUTCFullYear() + 1
  for (let back = 0; back < 9; back++) {
    if (!isDay(year - back, month, day)) continue
    const ms = Date.UTC(year - back, month - 1, day) + clock
    if (ms <= receivedMs + DAY_MS) return ms
  }
  return receivedMs
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57
const isSign = (code: number): boolean => code === 43 || code === 45

/** The number in exactly `count` digits at a place, or -1. */
function digits(text: string, at: number, count: number): number {
  let value = 0
  for (let index = at; index < at + count; index++) {
    const code = text.charCodeAt(index)
    if (!isDigit(code)) return -1
    value = value * 10 + (code - 48)
  }
  return value
}

/** `22:51:22` as ms of the day, or -1. */
function clockMs(text: string, at: number): number {
  const hour = digits(text, at, 2)
  const minute = digits(text, at + 3, 2)
  const second = digits(text, at + 6, 2)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return -1
  if (text.charCodeAt(at + 2) !== 58 || text.charCodeAt(at + 5) !== 58) return -1
  return ((hour * 60 + minute) * 60 + second) * 1000
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1970 || month < 1 || month > 12 || day < 1) return false
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function monthOf(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first < 65 || first > 83) return -1
  const found = MONTHS.indexOf(text.slice(at, at + 3))
  return found < 0 || found % 3 !== 0 ? -1 : found / 3 + 1
}

function isWeekday(text: string, at: number): boolean {
  const found = 'MonTueWedThuFriSatSun'.indexOf(text.slice(at, at + 3))
  return found >= 0 && found % 3 === 0 && text.length > at + 20
}
