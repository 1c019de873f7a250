import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LogFields, type Logger, SILENT } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import { type Keyring, joinKeyring, openKeyring } from './keyring.ts'
import type { MasterKeySource } from './master-key.ts'

let base: string
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'picket-keys-'))
})
afterEach(() => rmSync(base, { recursive: true, force: true }))

const BOUND = Buffer.from('here')
const generated: MasterKeySource = { kind: 'generated' }

function open(
  masterKey: MasterKeySource,
  env: Record<string, string> = {},
  log: Logger = SILENT,
): Promise<Keyring> {
  return openKeyring({ dataDir: { path: base }, masterKey, env, log })
}

async function problemOf(promise: Promise<unknown>): Promise<ProblemError['problem']> {
  try {
    await promise
  } catch (error) {
    if (error instanceof ProblemError) return error.problem
    throw error
  }
  throw new Error('nothing was refused')
}

function opened(keyring: Keyring, envelope: Uint8Array): string {
  const result = keyring.open(envelope, BOUND)
  return result.ok ? result.bytes.toString() : result.fault
}

describe('the master key', () => {
  test('is generated once, for this user alone, and that is said', async () => {
    const said: { fields: LogFields; message: string }[] = []
    const log: Logger = { ...SILENT, warn: (fields, message) => said.push({ fields, message }) }
    const keyring = await open(generated, {}, log)
    const path = join(base, 'keys', 'master.key')
    expect(said).toMatchObject([{ fields: { path } }])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const sealed = keyring.seal(keyring.current('journal', 1), BOUND, Buffer.from('x'))
    expect(opened(await open(generated, {}, log), sealed)).toBe('x')
    expect(said).toHaveLength(1)
    chmodSync(path, 0o644)
    await open(generated)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('that was generated and is gone is not silently replaced', async () => {
    await open(generated)
    rmSync(join(base, 'keys', 'master.key'))
    expect((await problemOf(open(generated))).code).toBe('VAULT_KEY_UNREADABLE')
    expect(existsSync(join(base, 'keys', 'master.key'))).toBe(false)
  })

  test('comes from environment, file or command, in hexadecimal, base64 or as it is', async () => {
    const key = randomBytes(32)
    const file = join(base, 'k')
    const script = `process.stdout.write('${key.toString('base64')}')`
    const fromEnv = await open({ kind: 'env', name: 'K' }, { K: key.toString('hex') })
    const sealed = fromEnv.seal(fromEnv.current('journal', 1), BOUND, Buffer.from('same'))
    for (const form of [key, `${key.toString('base64')}\n`, key.toString('base64url')]) {
      writeFileSync(file, form)
      expect(opened(await open({ kind: 'file', path: file }), sealed)).toBe('same')
    }
    const argv = [process.execPath, '-e', script]
    expect(opened(await open({ kind: 'command', argv }), sealed)).toBe('same')
  })

  test('that cannot be read or has no form is refused without being shown', async () => {
    const secret = 'not-a-key-but-secret'
    const failing = [process.execPath, '-e', `process.exit(3)//${secret}`]
    const refused = [
      await problemOf(open({ kind: 'env', name: 'NONE' })),
      await problemOf(open({ kind: 'file', path: join(base, 'none') })),
      await problemOf(open({ kind: 'command', argv: failing })),
      await problemOf(open({ kind: 'command', argv: [join(base, 'none')] })),
      await problemOf(open({ kind: 'env', name: 'K' }, { K: secret })),
    ]
    expect(refused.map(({ code }) => code)).toEqual([
      ...Array.from({ length: 4 }, () => 'VAULT_KEY_UNREADABLE'),
      'VAULT_KEY_FORM',
    ])
    expect(JSON.stringify(refused)).not.toContain(secret)
  })

  test('that is another one is refused clearly, and changes nothing', async () => {
    const right = { K: randomBytes(32).toString('hex') }
    const source: MasterKeySource = { kind: 'env', name: 'K' }
    const keyring = await open(source, right)
    const sealed = keyring.seal(keyring.current('journal', 1), BOUND, Buffer.from('x'))
    const before = readdirSync(join(base, 'keys'))
    const wrong = await problemOf(open(source, { K: randomBytes(32).toString('hex') }))
    expect(wrong.code).toBe('VAULT_WRONG_KEY')
    expect((await problemOf(open(generated))).code).toBe('VAULT_KEY_UNREADABLE')
    expect(readdirSync(join(base, 'keys'))).toEqual(before)
    expect(opened(await open(source, right), sealed)).toBe('x')
  })
})

describe('data keys', () => {
  test('change by epoch; the newest is current whatever the clock does', async () => {
    const keyring = await open(generated)
    const first = keyring.current('journal', 1_000)
    const second = keyring.create('journal', 500)
    expect(keyring.current('journal', 0).id).toBe(second.id)
    expect(keyring.current('snapshot', 0).id).not.toBe(second.id)
    const ids = (one: Keyring): string[] => one.list('journal').map(({ id }) => id)
    expect(ids(keyring)).toEqual([first.id, second.id])
    expect(ids(await open(generated))).toEqual([first.id, second.id])
  })

  test('are found by another thread that joined before they were made', async () => {
    const keyring = await open(generated)
    const joined = joinKeyring(structuredClone(keyring.share()))
    const sealed = keyring.seal(keyring.create('journal', 1), BOUND, Buffer.from('later'))
    expect(opened(joined, sealed)).toBe('later')
    expect(joined.derive('names').equals(keyring.derive('names'))).toBe(true)
    expect(joined.derive('names').equals(keyring.derive('other'))).toBe(false)
  })

  test('that are destroyed take what they sealed with them', async () => {
    const keyring = await open(generated)
    const old = keyring.current('journal', 1)
    const sealed = keyring.seal(old, BOUND, Buffer.from('gone'))
    const kept = keyring.seal(keyring.create('journal', 2), BOUND, Buffer.from('kept'))
    keyring.destroy([old.id])
    expect(opened(keyring, sealed)).toBe('key')
    expect(opened(keyring, kept)).toBe('kept')
    const again = await open(generated)
    expect(opened(again, sealed)).toBe('key')
    expect(again.list('journal')).toHaveLength(1)
  })

  test('lie on disk only wrapped, and a damaged one is named', async () => {
    const keyring = await open(generated)
    const key = keyring.current('journal', 1)
    const name = readdirSync(join(base, 'keys')).find((file) => file.includes(key.id)) ?? ''
    const path = join(base, 'keys', name)
    expect(readFileSync(path).includes(Buffer.from(key.bytes))).toBe(false)
    const bytes = readFileSync(path)
    bytes[30] = (bytes[30] ?? 0) ^ 1
    writeFileSync(path, bytes)
    expect(await problemOf(open(generated))).toMatchObject({
      code: 'VAULT_DAMAGED',
      at: { file: path },
    })
  })

  test('whose removal or making a crash cut short are finished off at the next start', async () => {
    const keyring = await open(generated)
    const key = keyring.current('journal', 1)
    writeFileSync(join(base, 'keys', '.journal-1-00.key.dead'), 'x'.repeat(69))
    writeFileSync(join(base, 'keys', '.old.key.ab12.part'), '')
    writeFileSync(join(base, 'keys', '.new.key.ab12.part'), '')
    utimesSync(join(base, 'keys', '.old.key.ab12.part'), 1_000, 1_000)
    const again = await open(generated)
    const left = readdirSync(join(base, 'keys')).filter((name) => name.startsWith('.'))
    expect(left).toEqual(['.new.key.ab12.part'])
    expect(again.list('journal').map(({ id }) => id)).toEqual([key.id])
  })

  test('without the file that tells the master key are not taken over', async () => {
    const keyring = await open(generated)
    keyring.current('journal', 1)
    rmSync(join(base, 'keys', 'master.json'))
    expect((await problemOf(open(generated))).code).toBe('VAULT_DAMAGED')
  })
})
