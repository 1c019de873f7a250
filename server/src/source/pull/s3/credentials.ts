import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ProblemError } from '../../../base/problems.ts'
import type { SourceDeps } from '../../define.ts'
import { PassingFault } from '../faults.ts'
import type { AwsOptions } from '../options.ts'
import { bodyText, exchange } from './wire.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiresMs?: number
}

const TIMEOUT_MS = 5_000
const ANSWER_MAX = 65_536
/** Where instances of EC2 ask, and tasks of ECS. */
const IMDS = 'http://169.254.169.254'
const ECS = 'http://169.254.170.2'

type Deps = Pick<SourceDeps, 'secret' | 'baseDir'>

/**
 * The first credentials found, in the order of AWS' own tools: those of the options, a profile that is named,
 * the environment, the profile file, a container's endpoint, the instance's (IMDSv2). Rejects with
 * ProblemError CONFIG_SECRET where there are none.
 */
export async function findCredentials(options: AwsOptions, deps: Deps): Promise<Credentials> {
  const { access_key_id: accessKeyId, secret_access_key: secret, session_token: token } = options
  if (accessKeyId !== undefined && secret !== undefined) {
    const secretAccessKey = await deps.secret(secret)
    const session = token === undefined ? {} : { sessionToken: await deps.secret(token) }
    return { accessKeyId, secretAccessKey, ...session }
  }
  if (options.profile !== undefined) {
    const found = await fromProfile(options, deps, options.profile)
    if (found !== undefined) return found
    throw noCredentials(`the profile ${options.profile} has no key`)
  }
  const found =
    (await fromEnvironment(deps)) ??
    (await fromProfile(options, deps, (await variable(deps, 'AWS_PROFILE')) ?? 'default')) ??
    (await fromContainer(deps)) ??
    (await fromInstance(deps))
  if (found === undefined) throw noCredentials('there are no AWS credentials')
  return found
}

function noCredentials(message: string): ProblemError {
  const hint = 'give access_key_id and secret_access_key, a profile, or a role of the machine'
  return new ProblemError({ code: 'CONFIG_SECRET', message, hint })
}

/** An environment variable; undefined where it is not set. */
export async function variable(deps: Deps, name: string): Promise<string | undefined> {
  return deps.secret({ env: name }).catch(() => undefined)
}

async function fromEnvironment(deps: Deps): Promise<Credentials | undefined> {
  const accessKeyId = await variable(deps, 'AWS_ACCESS_KEY_ID')
  const secretAccessKey = await variable(deps, 'AWS_SECRET_ACCESS_KEY')
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  const sessionToken = await variable(deps, 'AWS_SESSION_TOKEN')
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}

async function fromProfile(
  options: AwsOptions,
  deps: Deps,
  name: string,
): Promise<Credentials | undefined> {
  const given = options.profile_file ?? (await variable(deps, 'AWS_SHARED_CREDENTIALS_FILE'))
  const home = await variable(deps, 'HOME')
  if (given === undefined && home === undefined) return undefined
  const path = resolve(deps.baseDir, given ?? join(home ?? '', '.aws', 'credentials'))
  const text = await readFile(path, 'utf8').catch(() => '')
  return readProfile(text, name)
}

/** The keys of one section of a credentials file. */
export function readProfile(text: string, name: string): Credentials | undefined {
  const values = new Map<string, string>()
  let isOurs = false
  for (const line of text.split('\n')) {
    const section = /^\s*\[(?:profile\s+)?([^\]]*)\]/.exec(line)?.[1]
    if (section !== undefined) isOurs = section.trim() === name
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (isOurs && key !== undefined && value !== undefined) values.set(key, value)
  }
  const accessKeyId = values.get('aws_access_key_id')
  const secretAccessKey = values.get('aws_secret_access_key')
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  const sessionToken = values.get('aws_session_token')
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}

async function fromContainer(deps: Deps): Promise<Credentials | undefined> {
  const relative = await variable(deps, 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI')
  const full = await variable(deps, 'AWS_CONTAINER_CREDENTIALS_FULL_URI')
  const address = relative === undefined ? full : `${ECS}${relative}`
  if (address === undefined || !URL.canParse(address)) return undefined
  const url = new URL(address)
  // A token must not go to whoever the variable names, in the clear.
  const isNear = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost|169\.254\.170\.\d{1,3})$/.test(
    url.hostname,
  )
  if (url.protocol !== 'https:' && !isNear) return undefined
  const file = await variable(deps, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE')
  const token =
    file === undefined
      ? await variable(deps, 'AWS_CONTAINER_AUTHORIZATION_TOKEN')
      : (await readFile(file, 'utf8')).trim()
  return fromAnswer(await ask(url, token === undefined ? {} : { authorization: token }))
}

async function fromInstance(deps: Deps): Promise<Credentials | undefined> {
  if ((await variable(deps, 'AWS_EC2_METADATA_DISABLED')) === 'true') return undefined
  const base = (await variable(deps, 'AWS_EC2_METADATA_SERVICE_ENDPOINT')) ?? IMDS
  const lifetime = { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' }
  const token = await ask(new URL('/latest/api/token', base), lifetime, 'PUT').catch(
    () => undefined,
  )
  if (token === undefined) return undefined
  const headers = { 'x-aws-ec2-metadata-token': token }
  const roles = new URL('/latest/meta-data/iam/security-credentials/', base)
  const [role = ''] = (await ask(roles, headers)).split('\n')
  if (!/^[\w+=,.@-]{1,128}$/.test(role)) return undefined
  return fromAnswer(await ask(new URL(role, roles), headers))
}

async function ask(
  url: URL,
  headers: Record<string, string>,
  method: 'GET' | 'PUT' = 'GET',
): Promise<string> {
  const answer = await exchange({ method, url, headers, timeoutMs: TIMEOUT_MS })
  const text = await bodyText(answer, ANSWER_MAX)
  if (answer.statusCode === 200) return text
  throw new PassingFault('credentials', `${url.host} answered ${answer.statusCode ?? 0}`)
}

function fromAnswer(text: string): Credentials {
  const value = parse(text)
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = value
  if (AccessKeyId === undefined || SecretAccessKey === undefined) {
    throw new PassingFault('credentials', 'the endpoint for credentials gave none')
  }
  const expiresMs = Date.parse(Expiration ?? '')
  return {
    ...{ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey },
    ...(Token !== undefined && { sessionToken: Token }),
    ...(!Number.isNaN(expiresMs) && { expiresMs }),
  }
}

function parse(text: string): Partial<Record<string, string>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return {}
    return Object.fromEntries(Object.entries(value).filter(([, one]) => typeof one === 'string'))
  } catch {
    return {}
  }
}
