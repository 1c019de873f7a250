import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { PassingFault } from '../faults.ts'

export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** How long the head of the answer may take. */
  readonly timeoutMs: number
  /** Authorities, PEM; undefined: those of the system. */
  readonly ca?: string[] | undefined
  readonly signal?: AbortSignal | undefined
}

/** Sends a request; resolves with the head of the answer. Rejects with PassingFault. No redirects. */
export function exchange(asked: WireRequest): Promise<IncomingMessage> {
  const { url, method, body, timeoutMs, ca, signal } = asked
  const send = url.protocol === 'https:' ? tlsRequest : plainRequest
  return new Promise((resolve, reject) => {
    const sent = send(url, {
      method,
      headers: { ...asked.headers, ...(body !== undefined && lengthOf(body)) },
      ...(ca !== undefined && { ca }),
      ...(signal !== undefined && { signal }),
    })
    const timer = setTimeout(() => {
      sent.destroy(new PassingFault('timeout', `${url.host} did not answer in ${timeoutMs} ms`))
    }, timeoutMs)
    sent.once('response', (answer) => {
      clearTimeout(timer)
      answer.on('error', () => undefined)
      resolve(answer)
    })
    sent.on('error', (error) => {
      clearTimeout(timer)
      reject(toFault(error, url))
    })
    sent.end(body)
  })
}

function toFault(error: NodeJS.ErrnoException, url: URL): Error {
  if (error instanceof PassingFault) return error
  const reason = /CERT|SELF_SIGNED|TLS|SSL/.test(error.code ?? '') ? 'tls' : 'connection'
  return new PassingFault(reason, `${url.host}: ${error.code ?? error.message}`)
}

const lengthOf = (body: string): Record<string, string> => ({
  'content-length': String(Buffer.byteLength(body)),
})

/** How long the whole body of an answer may take. */
const BODY_MS = 60_000

/** The body of an answer. Rejects with PassingFault where it is longer, breaks off or does not end. */
export async function bodyText(
  answer: IncomingMessage,
  bytesMax: number,
  bodyMs = BODY_MS,
): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  const late = new PassingFault('timeout', `an answer did not end in ${bodyMs} ms`)
  const timer = setTimeout(() => answer.destroy(late), bodyMs)
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      bytes += part.length
      if (bytes > bytesMax) throw new PassingFault('answer', `an answer is over ${bytesMax} bytes`)
      parts.push(part)
    }
  } catch (error) {
    answer.destroy()
    if (error instanceof PassingFault) throw error
    throw new PassingFault('connection', 'an answer broke off')
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(parts).toString('utf8')
}
