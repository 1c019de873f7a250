import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { Problem } from '../base/problems.ts'

export interface ScryptCost {
  readonly N: number
  readonly r: number
  readonly p: number
}
/**
 * scrypt (RFC 7914) with one of OWASP's equivalent settings (Password Storage Cheat Sheet):
 * 32 MiB a check, so that several at once stay within the memory of a small machine.
 */
export const SCRYPT_COST: ScryptCost = { N: 2 ** 15, r: 8, p: 3 }
const SALT_BYTES = 16
const HASH_BYTES = 32
/** Checks at once, and those that may wait; beyond it a login is refused as busy. */
const RUNNING_MAX = 2
const WAITING_MAX = 50

export const PASSWORD_CHARS_MIN = 12
export const PASSWORD_CHARS_MAX = 256

let running = 0
const waiting: (() => void)[] = []

/** `scrypt$N$r$p$salt$hash`, base64url. Undefined where too many wait. */
export async function hashPassword(
  password: string,
  cost: ScryptCost = SCRYPT_COST,
): Promise<string | undefined> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt, cost)
  if (hash === undefined) return undefined
  const { N, r, p } = cost
  return ['scrypt', N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')
}

/** Undefined where too many wait; false also for a text that is no hash of ours. */
export async function verifyPassword(password: string, kept: string): Promise<boolean | undefined> {
  const [kind, n, r, p, salt, hash] = kept.split('$')
  if (kind !== 'scrypt' || salt === undefined || hash === undefined) return false
  const cost = { N: Number(n), r: Number(r), p: Number(p) }
  const found = await derive(password, Buffer.from(salt, 'base64url'), cost)
  if (found === undefined) return undefined
  const wanted = Buffer.from(hash, 'base64url')
  return wanted.length === found.length && timingSafeEqual(wanted, found)
}

/** Length only, and not the name: rules of composition make passwords worse (NIST SP 800-63B). */
export function passwordProblem(password: string, name: string): Problem | undefined {
  const chars = password.normalize('NFKC').length
  if (chars < PASSWORD_CHARS_MIN || chars > PASSWORD_CHARS_MAX) {
    const range = `${PASSWORD_CHARS_MIN} to ${PASSWORD_CHARS_MAX}`
    return { code: 'PASSWORD_WEAK', message: `A password has ${range} characters.` }
  }
  const folded = password.toLowerCase()
  if (folded.includes(name.toLowerCase()) || new Set(folded).size < 5) {
    return { code: 'PASSWORD_WEAK', message: 'The password is too easily guessed.' }
  }
  return undefined
}

/** A password for somebody to log in with once: 120 bits, easy to read out. */
export function makePassword(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789'
  const chars = [...randomBytes(24)].map((byte) => letters[byte % letters.length])
  return (chars.join('').match(/.{6}/g) ?? []).join('-')
}

async function derive(
  password: string,
  salt: Buffer,
  cost: ScryptCost,
): Promise<Buffer | undefined> {
  if (running >= RUNNING_MAX) {
    if (waiting.length >= WAITING_MAX) return undefined
    await new Promise<void>((go) => waiting.push(go))
  }
  running += 1
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const limits = { ...cost, maxmem: 256 * cost.N * cost.r }
      scrypt(password.normalize('NFKC'), salt, HASH_BYTES, limits, (error, key) =>
        error === null ? resolve(key) : reject(error),
      )
    })
  } finally {
    running -= 1
    waiting.shift()?.()
  }
}
