import type { EcsDoc } from '../../model/event.ts'
import { asTime, present } from '../document/values.ts'

/** `TLSv12`, `TLS 1.2`, `TLSv1.2`, `SSLv3` in the words of ECS. */
export function tlsVersion(text: string | undefined): {
  readonly version?: string
  readonly protocol?: string
} {
  const parts = /^(tls|ssl|dtls)\s?v?(\d)\.?(\d)?/i.exec(text ?? '')
  if (parts === null) return {}
  const [, name = '', major = '', minor = '0'] = parts
  return { version: `${major}.${minor}`, protocol: name.toLowerCase() }
}

export interface CertificateFacts {
  readonly serial?: string | undefined
  readonly subject?: string | undefined
  readonly issuer?: string | undefined
  readonly notBefore?: unknown
  readonly notAfter?: unknown
  readonly version?: string | undefined
  readonly keyAlgorithm?: string | undefined
  readonly keyBits?: number | undefined
  readonly exponent?: number | undefined
  readonly curve?: string | undefined
  readonly signature?: string | undefined
  readonly names?: readonly unknown[] | undefined
}

/** `x509` of a document. Undefined where nothing of it is known. */
export function certificateOf(facts: CertificateFacts): EcsDoc | undefined {
  const { subject, issuer, serial, names } = facts
  return present({
    serial_number: serial?.replaceAll(':', '').toUpperCase(),
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    not_before: isoOf(facts.notBefore),
    not_after: isoOf(facts.notAfter),
    version_number: facts.version,
    public_key_algorithm: facts.keyAlgorithm,
    public_key_size: facts.keyBits,
    public_key_exponent: facts.exponent,
    public_key_curve: facts.curve,
    signature_algorithm: facts.signature,
    alternative_names: names === undefined || names.length === 0 ? undefined : names,
  })
}

function nameOf(text: string | undefined): EcsDoc | undefined {
  if (text === undefined) return undefined
  const common = partsOf(text, 'CN')
  const organization = partsOf(text, 'O')
  return present({ distinguished_name: text, common_name: common, organization })
}

/** Values of one attribute of a distinguished name (RFC 4514), the escapes of commas undone. */
function partsOf(text: string, attribute: string): readonly string[] | undefined {
  const found: string[] = []
  for (const part of text.split(/(?<!\\)[,/]\s?/, 50)) {
    const equals = part.indexOf('=')
    if (equals < 0 || part.slice(0, equals).trim().toUpperCase() !== attribute) continue
    found.push(part.slice(equals + 1).replaceAll(/\\(.)/g, '$1'))
  }
  return found.length === 0 ? undefined : found
}

function isoOf(value: unknown): string | undefined {
  const ms = asTime(value)
  return ms === undefined ? undefined : new Date(ms).toISOString()
}
