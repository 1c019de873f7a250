import { base64Bytes, base64Text } from '../../base/inflate.ts'
import type { StreamSink } from '../capture/half-stream.ts'

/** What can be read of a handshake without keys. */
export interface TlsTold {
  serverName?: string
  protocols?: readonly string[]
  /** `1.2`, `1.3`, as chosen; as asked for while nothing is chosen. */
  version?: string
  cipher?: number
}

export type TlsEnd =
  | { readonly kind: 'established' }
  | { readonly kind: 'failed'; readonly reason: string }

export interface TlsListener {
  /** Told once. */
  ended(end: TlsEnd): void
}

const RECORD_MAX = 18_432
const HELLO_MAX = 16_384
const CHANGE_CIPHER = 20
const ALERT = 21
const HANDSHAKE = 22
const APPLICATION = 23
/** An alert under TLS 1.3: two octets, a type, and a tag of 16. */
const SEALED_ALERT = 19

/** The two directions of a TLS connection: what the plain part of the handshake tells. */
export class TlsWatch {
  readonly told: TlsTold = {}
  readonly #listener: TlsListener
  isDone = false
  /** Sealed records of the client, after the server's hello. */
  clientSealed = 0
  hasServerHello = false

  constructor(listener: TlsListener) {
    this.#listener = listener
  }

  record(from: 'client' | 'server', type: number, length: number, body: Uint8Array): void {
    if (this.isDone) return
    if (type === HANDSHAKE) {
      if (from === 'client' && body[0] === 1) readClientHello(body, this.told)
      else if (from === 'server' && body[0] === 2) {
        this.hasServerHello = true
        readServerHello(body, this.told)
      }
    } else if (type === ALERT && body.length >= 2 && length === 2) {
      // A warning of the name not being known, or the end, is no failure.
      if (body[0] === 2) this.#end({ kind: 'failed', reason: alertText(body[1] ?? 0, from) })
    } else if (type === CHANGE_CIPHER && this.told.version !== '1.3') {
      if (from === 'server') this.#end({ kind: 'established' })
    } else if (type === APPLICATION) this.#sealed(from, length)
  }

  /** The connection ended: a handshake that was begun and not finished failed. */
  closed(): void {
    if (!this.isDone)
      this.#end({ kind: 'failed', reason: 'connection closed during the handshake' })
  }

  /** Under TLS 1.3 the client's certificate is judged behind the seal; the length gives an alert away. */
  #sealed(from: 'client' | 'server', length: number): void {
    if (!this.hasServerHello) return
    if (length === SEALED_ALERT && (from === 'client' || this.clientSealed > 0)) {
      const who = from === 'client' ? 'client' : 'server'
      this.#end({ kind: 'failed', reason: `alert of the ${who} (sealed)` })
    } else if (from === 'client') this.clientSealed += 1
    else if (this.clientSealed > 0) this.#end({ kind: 'established' })
  }

  #end(end: TlsEnd): void {
    this.isDone = true
    this.#listener.ended(end)
  }
}

/** Cuts one direction into TLS records (RFC 8446, 5.1), keeping the beginning of each. */
export class TlsLayer implements StreamSink {
  readonly #from: 'client' | 'server'
  readonly #watch: TlsWatch
  #kept: Uint8Array = new Uint8Array()
  #skip = 0

  constructor(from: 'client' | 'server', watch: TlsWatch) {
    this.#from = from
    this.#watch = watch
  }

  get bytesKept(): number {
    return this.#kept.length
  }

  bytes(bytes: Uint8Array): void {
    if (this.#watch.isDone) return
    let rest = bytes
    while (rest.length > 0) {
      if (this.#skip > 0) {
        const part = Math.min(this.#skip, rest.length)
        this.#skip -= part
        rest = rest.subarray(part)
        continue
      }
      const whole = this.#kept.length === 0 ? rest : joined(this.#kept, rest)
      const type = whole[0] ?? 0
      const length = ((whole[3] ?? 0) << 8) | (whole[4] ?? 0)
      const isTls = type >= CHANGE_CIPHER && type <= APPLICATION + 1 && (whole[1] ?? 3) === 3
      if (!isTls || length > RECORD_MAX) return this.#give()
      const needed = type === HANDSHAKE ? 5 + Math.min(length, HELLO_MAX) : 5 + Math.min(length, 2)
      if (whole.length < needed) {
        this.#kept = whole.slice()
        return
      }
      this.#kept = new Uint8Array()
      this.#watch.record(this.#from, type, length, whole.subarray(5, needed))
      if (this.#watch.isDone) return
      this.#skip = 5 + length - needed
      rest = whole.subarray(needed)
    }
  }

  gap(count: number): void {
    if (this.#kept.length > 0 || count > this.#skip) this.#give()
    else this.#skip -= count
  }

  toJSON(): unknown {
    const { told, isDone, clientSealed, hasServerHello } = this.#watch
    const kept = this.#kept.length === 0 ? '' : base64Text(this.#kept)
    return [kept, this.#skip, { told, isDone, clientSealed, hasServerHello }]
  }

  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return
    const [kept, skip, watch] = saved as unknown[]
    this.#kept = (typeof kept === 'string' ? base64Bytes(kept) : undefined) ?? new Uint8Array()
    this.#skip = typeof skip === 'number' ? skip : 0
    if (watch === null || typeof watch !== 'object') return
    const { told, isDone, clientSealed, hasServerHello } = watch as Partial<TlsWatch>
    Object.assign(this.#watch.told, told)
    this.#watch.isDone = isDone === true
    this.#watch.clientSealed = Number(clientSealed ?? 0)
    this.#watch.hasServerHello = hasServerHello === true
  }

  /** What follows cannot be followed: nothing is said of it. */
  #give(): void {
    this.#kept = new Uint8Array()
    this.#watch.isDone = true
  }
}

const u16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

const SERVER_NAME = 0
const ALPN = 16
const VERSIONS = 43
const NAMES_MAX = 10

/** RFC 8446, 4.1.2, with the extensions server_name (RFC 6066), ALPN (RFC 7301), supported_versions. */
function readClientHello(body: Uint8Array, told: TlsTold): void {
  let at = 4 + 2 + 32
  at += 1 + (body[at] ?? 0)
  at += 2 + u16(body, at)
  at += 1 + (body[at] ?? 0)
  told.version = versionText(u16(body, 4))
  for (const [type, from, to] of extensions(body, at)) {
    if (type === SERVER_NAME && body[from + 2] === 0) {
      const end = Math.min(to, from + 5 + u16(body, from + 3))
      told.serverName = ascii(body.subarray(from + 5, end)).slice(0, 255)
    } else if (type === ALPN) told.protocols = protocolNames(body, from + 2, to)
    else if (type === VERSIONS) {
      for (let version = from + 1; version + 2 <= to; version += 2) {
        if (u16(body, version) === 0x0304) told.version = '1.3'
      }
    }
  }
}

function readServerHello(body: Uint8Array, told: TlsTold): void {
  let at = 4 + 2 + 32
  at += 1 + (body[at] ?? 0)
  told.cipher = u16(body, at)
  told.version = versionText(u16(body, 4))
  for (const [type, from] of extensions(body, at + 3)) {
    if (type === VERSIONS) told.version = versionText(u16(body, from))
  }
}

function extensions(body: Uint8Array, at: number): (readonly [number, number, number])[] {
  const found: [number, number, number][] = []
  const end = Math.min(body.length, at + 2 + u16(body, at))
  for (let from = at + 2; from + 4 <= end && found.length < 64;) {
    const to = from + 4 + u16(body, from + 2)
    if (to > end) break
    found.push([u16(body, from), from + 4, to])
    from = to
  }
  return found
}

function protocolNames(body: Uint8Array, from: number, to: number): readonly string[] {
  const names: string[] = []
  for (let at = from; at < to && names.length < NAMES_MAX;) {
    const end = at + 1 + (body[at] ?? 0)
    if (end > to) break
    names.push(ascii(body.subarray(at + 1, end)))
    at = end
  }
  return names
}

const ascii = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes)

function versionText(number: number): string {
  return number === 0x0300 ? '3.0' : `1.${(number & 0xff) - 1}`
}

/** RFC 8446, 6: descriptions that point at a certificate or a setting. */
const ALERTS: Readonly<Record<number, string>> = {
  20: 'bad record mac',
  40: 'handshake failure',
  42: 'bad certificate',
  43: 'unsupported certificate',
  44: 'certificate revoked',
  45: 'certificate expired',
  46: 'certificate unknown',
  47: 'illegal parameter',
  48: 'unknown ca',
  49: 'access denied',
  50: 'decode error',
  51: 'decrypt error',
  70: 'protocol version',
  71: 'insufficient security',
  80: 'internal error',
  109: 'missing extension',
  112: 'unrecognized name',
  116: 'certificate required',
  120: 'no application protocol',
}

const alertText = (code: number, from: string): string =>
  `${ALERTS[code] ?? `alert ${code}`} (alert of the ${from})`

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}
