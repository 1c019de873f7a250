import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Time-based one-time passwords, RFC 6238 over RFC 4226: SHA-1, 6 digits, steps of 30 s. */
const STEP_MS = 30_000
const DIGITS = 6
/** A code of one step before or after counts too: clocks differ (RFC 6238, 5.2). */
const DRIFT_STEPS = 1
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** A secret of 160 bits in base32, as authenticator programs take it. */
export function makeTotpSecret(): string {
  return toBase32(randomBytes(20))
}

/** What a QR code says (Key Uri Format). */
export function totpUri(secret: string, name: string): string {
  const label = `Picket:${encodeURIComponent(name)}`
  return `otpauth://totp/${label}?secret=${secret}&issuer=Picket&digits=${DIGITS}&period=30`
}

/** The step whose code this is, if it is later than `afterStep`: a code is good once. */
export function checkTotp(
  code: string,
  secret: string,
  nowMs: number,
  afterStep: number,
): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined
  const now = Math.floor(nowMs / STEP_MS)
  let found: number | undefined
  for (let step = now - DRIFT_STEPS; step <= now + DRIFT_STEPS; step++) {
    const same = timingSafeEqual(Buffer.from(code), Buffer.from(totpCode(secret, step)))
    if (same && step > afterStep) found ??= step
  }
  return found
}

/** The code of a step since 1970. */
export function totpCode(secret: string, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest()
  const at = (mac.at(-1) ?? 0) & 0x0f
  const number = mac.readUInt32BE(at) & 0x7fff_ffff
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0')
}

function toBase32(bytes: Uint8Array): string {
  let bits = ''
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0')
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => ALPHABET[Number.parseInt(five.padEnd(5, '0'), 2)])
    .join('')
}

function fromBase32(text: string): Buffer {
  let bits = ''
  for (const char of text) bits += Math.max(0, ALPHABET.indexOf(char)).toString(2).padStart(5, '0')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}
