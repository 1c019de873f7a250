import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorCode } from '../base/problems.ts'
import { PROBLEM_TYPE, problemDetails } from './problem-details.ts'

/** What Node's parser refuses before there is a request, by its code; the rest is not HTTP. */
const KNOWN: Readonly<Record<string, readonly [number, ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'API_TOO_LARGE', 'The address and headers are longer than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'API_INVALID', 'The request did not arrive in time.'],
}

/** Answers what is no request in the form of all other refusals, and closes the connection. */
export function refuseBytes(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, code, message] = KNOWN[error.code ?? ''] ?? [
    400,
    'API_INVALID',
    'This is not a request of HTTP/1.1.',
  ]
  const details = problemDetails({ code, message }, crypto.randomUUID())
  const body = JSON.stringify({ ...details, status })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
