import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { type Problem, ProblemError } from '../base/problems.ts'

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
/** A shorter name stands in many a good password by chance. */
const NAME_CHARS_MIN = 3

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
  const holdsName = name.length >= NAME_CHARS_MIN && folded.includes(name.toLowerCase())
  if (holdsName || new Set(folded).size < 5) {
    return { code: 'PASSWORD_WEAK', message: 'The password is too easily guessed.' }
  }
  return undefined
}

/** The hash to keep. Rejects with PASSWORD_WEAK, LOGIN_THROTTLED. */
export async function acceptedHash(
  password: string,
  name: string,
  cost?: ScryptCost,
): Promise<string> {
  const weak = passwordProblem(password, name)
  if (weak !== undefined) throw new ProblemError(weak)
  const hash = await hashPassword(password, cost)
  if (hash !== undefined) return hash
  const message = 'Too many password changes at once.'
  throw new ProblemError({ code: 'LOGIN_THROTTLED', message })
}

/** A password for somebody to log in with once: 120 bits, easy to read out, and good for that name. */
export function makePassword(name: string): string {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789'
  for (;;) {
    const chars = [...randomBytes(24)].map((byte) => letters[byte % letters.length])
    const password = (chars.join('').match(/.{6}/g) ?? []).join('-')
    if (passwordProblem(password, name) === undefined) return password
  }
}

async function derive(
  password: string,
  salt: Buffer,
  cost: ScryptCost,
): Promise<Buffer | undefined> {
  if (running >= RUNNING_MAX) {
    if (waiting.length >= WAITING_MAX) return undefined
    // Whoever ends hands its place over, so that nobody comes in between.
    await new Promise<void>((go) => waiting.push(go))
  } else running += 1
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const limits = { ...cost, maxmem: 256 * cost.N * cost.r }
      scrypt(password.normalize('NFKC'), salt, HASH_BYTES, limits, (error, key) =>
        error === null ? resolve(key) : reject(error),
      )
    })
  } finally {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }
}
