import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Problem } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'
import type { SecretRef } from '../model/options.ts'
import type { Config } from './schema.ts'

const SECRET_BYTES_MAX = 65_536
const COMMAND_TIMEOUT_MS = 30_000

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Fetches what a reference names, without the line end; a relative path starts at `baseDir`. Problems
 * (CONFIG_SECRET) say where the secret was looked for and never what was found.
 */
export async function readSecret(
  ref: SecretRef,
  env: Environment,
  baseDir: string,
): Promise<Result<string>> {
  if ('env' in ref) return nonEmpty(env[ref.env], `the environment variable ${ref.env}`)
  if ('file' in ref) return fromFile(resolve(baseDir, ref.file))
  return fromCommand(ref.command)
}

async function fromFile(path: string): Promise<Result<string>> {
  try {
    const { size } = await stat(path)
    if (size > SECRET_BYTES_MAX) return fail(missing(`the file ${path}`, 'is too large'))
    return nonEmpty(await readFile(path, 'utf8'), `the file ${path}`)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    return fail(missing(`the file ${path}`, `cannot be read: ${code}`))
  }
}

function fromCommand([program = '', ...args]: readonly string[]): Promise<Result<string>> {
  const limits = {
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: SECRET_BYTES_MAX,
    encoding: 'utf8',
  } as const
  return new Promise((resolve) => {
    const child = execFile(program, args, limits, (error, output) => {
      if (error === null) resolve(nonEmpty(output.split('\n', 1)[0], `the command ${program}`))
      else resolve(fail(missing(`the command ${program}`, `failed (${error.code ?? 'timeout'})`)))
    })
    child.stdin?.end()
  })
}

function nonEmpty(text: string | undefined, place: string): Result<string> {
  const secret = text?.replace(/[\r\n]+$/, '')
  if (secret === undefined) return fail(missing(place, 'is not set'))
  return secret === '' ? fail(missing(place, 'is empty')) : ok(secret)
}

function missing(place: string, what: string): Problem {
  return { code: 'CONFIG_SECRET', message: `${place} ${what}` }
}

/** Problems of all secrets that a configuration names, without running any command. */
export async function probeSecrets(config: Config, env: Environment): Promise<Problem[]> {
  const problems: Problem[] = []
  for (const { ref, field } of secretsIn(config, [])) {
    if ('command' in ref) continue
    const read = await readSecret(ref, env, config.baseDir)
    if (read.ok) continue
    const at = { ...(config.file !== undefined && { file: config.file }), field }
    problems.push({ ...read.problem, at })
  }
  return problems
}

/** Sections of free form, where a key `env` or `file` may mean anything. */
const FREE = new Set(['decoder_options', 'when'])

function* secretsIn(
  value: unknown,
  path: readonly string[],
): Generator<{ readonly ref: SecretRef; readonly field: string }> {
  if (typeof value !== 'object' || value === null) return
  const ref = secretOf(value)
  if (ref !== undefined) {
    yield { ref, field: path.join('.') }
    return
  }
  for (const [name, part] of Object.entries(value)) {
    if (!FREE.has(name)) yield* secretsIn(part, [...path, name])
  }
}

function secretOf(value: object): SecretRef | undefined {
  const [entry, ...others] = Object.entries(value)
  if (entry === undefined || others.length > 0) return undefined
  const [name, given] = entry as [string, unknown]
  if (name === 'env' && typeof given === 'string') return { env: given }
  return name === 'file' && typeof given === 'string' ? { file: given } : undefined
}
