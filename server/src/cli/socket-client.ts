import { request } from 'node:http'
import { ERROR_CODES, type ErrorCode, ProblemError } from '../base/problems.ts'

const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const TIMEOUT_MS = 120_000

export interface SocketClient {
  get(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<unknown>
  post(path: string, body?: unknown): Promise<unknown>
  send(method: 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<unknown>
}

/** Whether a server answers on this control socket. */
export async function isServed(socketPath: string): Promise<boolean> {
  try {
    await call(socketPath, 'GET', '/healthz', undefined)
    return true
  } catch {
    return false
  }
}

/** Talks to a running server. Rejects with the ProblemError that the server answered. */
export function createSocketClient(socketPath: string): SocketClient {
  return {
    get: async (path, query = {}) => {
      const given = Object.entries(query).filter(([, value]) => value !== undefined)
      const search = new URLSearchParams(given as [string, string][]).toString()
      return parse(
        await call(socketPath, 'GET', search === '' ? path : `${path}?${search}`, undefined),
      )
    },
    send: async (method, path, body) => parse(await call(socketPath, method, path, body)),
    post: async (path, body) => parse(await call(socketPath, 'POST', path, body)),
  }
}

interface Reply {
  readonly status: number
  readonly text: string
}

function call(socketPath: string, method: string, path: string, body: unknown): Promise<Reply> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const headers = text === undefined ? {} : { 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      const message = `The running server could not be asked: ${why}`
      reject(new ProblemError({ code: 'API_SOCKET', message, at: { file: socketPath } }))
    }
    // A connection of its own: a kept one may be of a server that has gone.
    const options = { socketPath, method, path, headers, timeout: TIMEOUT_MS, agent: false }
    const sent = request(options, (answer) => {
      const chunks: Buffer[] = []
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > ANSWER_BYTES_MAX) sent.destroy(new Error('the answer is too large'))
        else chunks.push(chunk)
      })
      answer.on('error', (error) => fail(error.message))
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') })
      })
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')))
    sent.on('error', (error) => fail(error.message))
    sent.end(text)
  })
}

function parse({ status, text }: Reply): unknown {
  const body: unknown = text === '' ? undefined : JSON.parse(text)
  if (status < 400) return body
  const { code, detail, hint } = body as { code: string; detail: string; hint?: string }
  const known: ErrorCode = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'API_INTERNAL'
  throw new ProblemError({ code: known, message: detail, ...(hint !== undefined && { hint }) })
}
