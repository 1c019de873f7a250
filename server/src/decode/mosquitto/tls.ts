/** One line of OpenSSL's or LibreSSL's error queue, taken apart. */
export interface TlsError {
  /** The hexadecimal number, as written. */
  readonly code: string | undefined
  readonly library: string
  readonly reason: string
  readonly text: string
}

const NUMBERED = /^error:([0-9A-Fa-f]{1,16}):([^:]*):([^:]*):(.*)$/

/**
 * `error:0A000086:SSL routines::certificate verify failed` (OpenSSL 3),
 * `error:1417C086:SSL routines:tls_process_client_certificate:certificate verify failed` (1.1),
 * `error:14037438:SSL routines:ACCEPT_SR_KEY_EXCH:tlsv1 alert internal error` (LibreSSL).
 */
export function parseTlsError(text: string): TlsError {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text
  const found = NUMBERED.exec(bare)
  if (found === null) return { code: undefined, library: '', reason: bare, text }
  const [, code, library = '', , reason = ''] = found
  return { code, library, reason: reason === '' ? bare : reason, text }
}

/** The index of the error's text in a line `OpenSSL Error[0]: …`, `OpenSSL Error: …`, or -1. */
export function tlsErrorAt(message: string): number {
  const colon = message.indexOf(': ', 13)
  return colon < 0 ? -1 : colon + 2
}

/** The place in the error queue; 0 begins a new connection's errors. Undefined before 1.6.9. */
export function tlsErrorIndex(message: string): number | undefined {
  const open = message.indexOf('[', 13)
  const close = message.indexOf(']: ', 13)
  if (open < 0 || close < open || close - open > 6) return undefined
  const index = Number(message.slice(open + 1, close))
  return Number.isInteger(index) ? index : undefined
}

/** Errors of loading keys and certificates, not of a peer's connection. */
export function isLocalTlsError(message: string, error: TlsError): boolean {
  // 2.1 says what it did; but for this one, which a peer's handshake gives, it is loading its own files.
  if (message.startsWith('OpenSSL Error while trying to get the error')) return false
  if (message.startsWith('OpenSSL Error while ')) return true
  if (/^(?:system|PEM|BIO|asn1|malloc)\b.* lib$/i.test(error.reason)) return true
  if (/no (?:shared cipher|certificate)|peer|handshake|alert/i.test(error.reason)) return false
  return error.library !== '' && !error.library.startsWith('SSL')
}
