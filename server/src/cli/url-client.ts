import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { isLoopback } from '../base/net.ts'
import { ERROR_CODES, type ErrorCode, ProblemError } from '../base/problems.ts'
import { usage } from './arguments.ts'
import type { CliContext } from './context.ts'

export interface UrlFlags {
  readonly url: string
  readonly tokenFile?: string
  readonly ca?: string
}

export interface ServerAt {
  readonly url: URL
  readonly token: string
  /** PEM of who may have signed the server's certificate, beside those that are known. */
  readonly ca: string | undefined
}

/** The variable that a token may be given in. */
const TOKEN_VARIABLE = 'PICKET_TOKEN'

/** A server, and the token to it: of a file or the environment, never of the command line. Throws USAGE. */
export function serverAt(flags: UrlFlags, context: CliContext): ServerAt {
  const url = urlOf(flags.url)
  const token =
    flags.tokenFile === undefined
      ? context.env[TOKEN_VARIABLE]
      : readText(flags.tokenFile, '--token-file')
  if (token === undefined || token.trim() === '') {
    throw usage(`--url needs a token: in ${TOKEN_VARIABLE}, or in a file named by --token-file`)
  }
  if (!/^[\x21-\x7e]+$/.test(token.trim())) throw usage('the token holds characters that none has')
  const ca = flags.ca === undefined ? undefined : readText(flags.ca, '--ca')
  return { url, token: token.trim(), ca }
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw usage('--url takes an address such as https://picket.example:8600')
  }
  if (url.username !== '' || url.password !== '') throw usage('--url takes no password')
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) {
    throw usage('--url takes https where the server is not on this machine: a token would be read')
  }
  return url
}

function readText(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    const message = `The file of ${option} could not be read.`
    throw new ProblemError({ code: 'INPUT_UNREADABLE', message, at: { file: path } })
  }
}

const LINE_CHARS_MAX = 64 * 1024 * 1024
const ERROR_CHARS_MAX = 64 * 1024
/** The server says something at least every few seconds. */
const SILENCE_MS_MAX = 60_000

/**
 * Posts JSON and gives the lines of the answer as they come. Rejects with the ProblemError that the
 * server answered; API_SOCKET where it cannot be reached or the connection breaks.
 */
export async function* postForLines(
  at: ServerAt,
  path: string,
  call: { readonly body: unknown; readonly signal: AbortSignal },
): AsyncGenerator<string> {
  const answer = await post(at, path, call)
  answer.setEncoding('utf8')
  if (answer.statusCode !== 200) throw await problemOf(answer, at.url)
  let rest = ''
  try {
    for await (const chunk of answer as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > LINE_CHARS_MAX) throw new Error('a line is too long')
      yield* lines.filter((line) => line !== '')
    }
  } catch (error) {
    throw unreached(at.url, error, call.signal)
  } finally {
    answer.destroy()
  }
}

function post(
  at: ServerAt,
  path: string,
  { body, signal }: { readonly body: unknown; readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  const { url, token, ca } = at
  const target = new URL(url.pathname.replace(/\/$/, '') + path, url)
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const options = {
    method: 'POST',
    headers,
    signal,
    agent: false,
    timeout: SILENCE_MS_MAX,
  } as const
  return new Promise((resolve, reject) => {
    const sent =
      target.protocol === 'https:'
        ? secureRequest(target, { ...options, ...(ca !== undefined && { ca }) })
        : plainRequest(target, options)
    sent.once('response', resolve)
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')))
    sent.on('error', (error) => reject(unreached(url, error, signal)))
    sent.end(JSON.stringify(body))
  })
}

function unreached(url: URL, error: unknown, signal: AbortSignal): ProblemError {
  if (error instanceof ProblemError) return error
  if (signal.aborted) {
    return new ProblemError({ code: 'STORE_CANCELLED', message: 'The hunt was called off.' })
  }
  const why = error instanceof Error ? error.message : 'unknown'
  const message = `The server at ${url.origin} could not be asked: ${why}`
  return new ProblemError({ code: 'API_SOCKET', message })
}

async function problemOf(answer: IncomingMessage, url: URL): Promise<ProblemError> {
  let text = ''
  for await (const chunk of answer as AsyncIterable<string>) {
    text += chunk
    if (text.length > ERROR_CHARS_MAX) break
  }
  try {
    const { code, detail, hint } = JSON.parse(text) as Record<string, string | undefined>
    return told({ code: code ?? '', message: detail ?? '', ...(hint !== undefined && { hint }) })
  } catch {
    const message = `The server at ${url.origin} answered ${answer.statusCode} and no problem.`
    return new ProblemError({ code: 'API_SOCKET', message })
  }
}

/** A problem that a server told; codes that this version does not know are a fault of the server's. */
export function told(problem: {
  readonly code: string
  readonly message: string
  readonly hint?: string
}): ProblemError {
  const known = Object.hasOwn(ERROR_CODES, problem.code)
  const code = known ? (problem.code as ErrorCode) : 'API_INTERNAL'
  return new ProblemError({ ...problem, code })
}
