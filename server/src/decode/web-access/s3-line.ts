import type { TimeRule } from '../custom/mapping.ts'
import { compact, present } from '../document/values.ts'
import { tlsVersion } from '../network/tls-words.ts'
import { requestLine } from './access-line.ts'
import type { Request } from './request.ts'

const FIELDS_MAX = 60
/** Place of the agent, the last field in quotes. */
const AGENT = 16

/**
 * A line of an S3 server access log (Amazon S3 User Guide, "Amazon S3 server access log format"): fields divided by
 * spaces, the time in brackets, request, referrer and agent in quotes; newer fields follow at the end.
 */
export function readS3Line(text: string, clf: TimeRule['read']): Request | undefined {
  const fields = split(text)
  if (fields === undefined || fields.length < 17) return undefined
  const [owner, bucket, stamp, address, requester, id, operation, key, line] = fields
  const [status, error, bytes, size, totalMs, turnMs, referrer, agent, versionId] = fields.slice(9)
  const [hostId, signature, cipher, auth, host, tls, accessPoint] = fields.slice(18)
  const timeMs = clf(stamp, 0)
  if (timeMs === undefined || !/^[A-Z0-9]+\.[A-Z0-9._-]+$/i.test(operation ?? '')) return undefined
  const asked = requestLine(line ?? '')
  const object = operation?.includes('.OBJECT') === true
  return {
    timeMs,
    address: address === '-' ? undefined : address,
    user: requester,
    ...asked,
    method: object ? (asked.method ?? operation?.split('.')[1]) : (asked.method ?? operation),
    path: key === '-' || key === undefined ? asked.path : `/${key}`,
    status: status === '-' || !/^\d{3}$/.test(status ?? '') ? undefined : Number(status),
    bytes: numberOf(bytes),
    referrer,
    agent,
    host: known(host),
    more: compact({
      cloud: { provider: 'aws', service: { name: 's3' }, account: undefined },
      tls: tlsWords(tls, cipher),
      aws: {
        s3access: compact({
          bucket_owner: owner,
          bucket,
          request_id: id,
          operation,
          key: known(key),
          error_code: known(error),
          object_size: numberOf(size),
          total_time: numberOf(totalMs),
          turn_around_time: numberOf(turnMs),
          version_id: known(versionId),
          host_id: known(hostId),
          signature_version: known(signature),
          authentication_type: known(auth),
          access_point_arn: known(accessPoint),
        }),
      },
    }),
  }
}

function tlsWords(version: string | undefined, cipher: string | undefined): unknown {
  const told = tlsVersion(known(version))
  return present({ version: told.version, version_protocol: told.protocol, cipher: known(cipher) })
}

const known = (value: string | undefined): string | undefined => (value === '-' ? undefined : value)

const numberOf = (value: string | undefined): number | undefined =>
  value !== undefined && /^\d{1,18}$/.test(value) ? Number(value) : undefined

/** A quote ends before a space; the agent's is the last, because it may hold quotes that nobody escaped. */
function split(text: string): string[] | undefined {
  const fields: string[] = []
  let at = 0
  while (at < text.length && fields.length < FIELDS_MAX) {
    const code = text.charCodeAt(at)
    if (code === 32) {
      at += 1
      continue
    }
    let end: number
    if (code === 34) {
      end = fields.length === AGENT ? text.lastIndexOf('" ') : text.indexOf('" ', at + 1)
      if (end <= at) end = text.endsWith('"') && text.length - 1 > at ? text.length - 1 : -1
    } else {
      end = text.indexOf(code === 91 ? ']' : ' ', at + 1)
      if (end < 0 && code !== 91) end = text.length
    }
    if (end < 0) return undefined
    const wrapped = code === 34 || code === 91
    fields.push(text.slice(wrapped ? at + 1 : at, end))
    at = end + 1
  }
  return fields
}
