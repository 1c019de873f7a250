import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Problem } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { toProblems } from './issues.ts'
import { type Config, type ConfigValues, configSchema } from './schema.ts'
import { parseYaml, TEXT_CHARS_MAX } from './yaml.ts'

export interface ConfigOrigin {
  /** Name of the file for messages; absent: the defaults. */
  readonly file?: string
  /** Where relative paths start. */
  readonly baseDir: string
}

/** Reads a configuration from text. All problems are given, in the order of the file. */
export function parseConfig(text: string, origin: ConfigOrigin): Result<Config, Problem[]> {
  const parsed = parseYaml(text, origin.file)
  if (!parsed.ok) return parsed
  // A file of comments only is a file without settings.
  const given = parsed.value.value ?? {}
  const checked = configSchema.safeParse(given, { reportInput: true })
  if (!checked.success) return fail(inFileOrder(toProblems(checked.error.issues, parsed.value)))
  return ok(anchored(checked.data, origin))
}

/** The configuration of a file, or the defaults where none is named. All problems are given. */
export async function checkConfig(path: string | undefined): Promise<Result<Config, Problem[]>> {
  if (path === undefined) return parseConfig('', { baseDir: process.cwd() })
  const text = await readText(path)
  if (!text.ok) return fail([text.problem])
  return parseConfig(text.value, { file: path, baseDir: dirname(resolve(path)) })
}

/** As `checkConfig`, with the first problem only; its hint says how to see the others. */
export async function loadConfig(path: string | undefined): Promise<Result<Config>> {
  const checked = await checkConfig(path)
  if (checked.ok) return checked
  const [first, ...others] = checked.problem
  if (first === undefined) throw new Error('a failed check names no problem')
  if (others.length === 0) return fail(first)
  const further = `${others.length} more: picket config check --config ${path}`
  const hint = first.hint === undefined ? further : `${first.hint}; ${further}`
  return fail({ ...first, hint })
}

async function readText(path: string): Promise<Result<string>> {
  const unreadable = (message: string): Result<string> =>
    fail({ code: 'CONFIG_UNREADABLE', message, at: { file: path } })
  try {
    const { size } = await stat(path)
    if (size > TEXT_CHARS_MAX) return unreadable(`the file is larger than ${TEXT_CHARS_MAX} bytes`)
    return ok(await readFile(path, 'utf8'))
  } catch (error) {
    return unreadable(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
  }
}

function inFileOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted(
    (a, b) => (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0),
  )
}

/** The word in `detection.rules` that stands for the rules that come with Picket. */
export const BUILTIN_RULES = 'builtin'

/** Makes paths absolute, but for those of sources, which get the folder when they are made. */
function anchored(values: ConfigValues, origin: ConfigOrigin): Config {
  const at = (path: string): string => resolve(origin.baseDir, path)
  const { outputs, detection, master_key: key } = values
  const rules = detection.rules.map((path) => (path === BUILTIN_RULES ? path : at(path)))
  const lines = outputs.json_lines
  const { tls, oidc } = values.api
  return {
    ...values,
    ...origin,
    data: at(values.data),
    detection: { ...detection, rules },
    ...(key !== undefined && 'file' in key ? { master_key: { file: at(key.file) } } : {}),
    state: anchoredState(values.state, at),
    identity: {
      ...values.identity,
      ...(values.identity.assets !== undefined && { assets: at(values.identity.assets) }),
    },
    api: {
      ...values.api,
      ...(tls !== undefined && { tls: anchoredTls(tls, at) }),
      ...(oidc !== undefined && { oidc: anchoredOidc(oidc, at) }),
    },
    outputs: {
      ...outputs,
      ...(lines === undefined ? {} : { json_lines: { ...lines, path: at(lines.path) } }),
    },
  }
}

function anchoredTls(
  tls: NonNullable<ConfigValues['api']['tls']>,
  at: (path: string) => string,
): NonNullable<ConfigValues['api']['tls']> {
  const { cert_file: cert, key_file: key, client_ca_file: ca } = tls
  return {
    cert_file: at(cert),
    key_file: at(key),
    ...(ca !== undefined && { client_ca_file: at(ca) }),
  }
}

function anchoredOidc(
  oidc: NonNullable<ConfigValues['api']['oidc']>,
  at: (path: string) => string,
): NonNullable<ConfigValues['api']['oidc']> {
  const { client_secret: secret } = oidc
  if (secret === undefined || !('file' in secret)) return oidc
  return { ...oidc, client_secret: { file: at(secret.file) } }
}

function anchoredState(
  state: ConfigValues['state'],
  at: (path: string) => string,
): ConfigValues['state'] {
  const { postgres_url: url } = state
  return url !== undefined && 'file' in url ? { postgres_url: { file: at(url.file) } } : state
}
