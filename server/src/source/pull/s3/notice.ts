import { keyOf } from './objects.ts'

/** An object that a notification names. */
export interface NoticedObject {
  readonly bucket: string
  readonly key: string
  readonly etag?: string
  readonly region?: string
  readonly writtenMs?: number
}

export type Notice =
  | {
      readonly kind: 'objects'
      readonly objects: readonly NoticedObject[]
      readonly others: number
    }
  /** S3 says so when a notification is set up. */
  | { readonly kind: 'test' }
  | { readonly kind: 'unknown'; readonly detail: string }

const OBJECTS_MAX = 1_000
/** Names of buckets, old ones of us-east-1 too: the name becomes part of the address that is asked. */
const BUCKET = /^[A-Za-z0-9][\w.-]{1,253}[A-Za-z0-9]$/
type Value = Readonly<Record<string, unknown>>

/**
 * Reads what a queue holds: events of S3 ("Event message structure"), bare or in an SNS notification,
 * EventBridge's "Object Created", and CloudTrail's own SNS notification.
 */
export function readNotice(body: string): Notice {
  const outer = objectOf(parse(body))
  if (outer === undefined) return unknown('the message is no JSON object')
  const message = outer['Message']
  const isSns = outer['Type'] === 'Notification' && typeof message === 'string'
  const value = isSns ? objectOf(parse(message)) : outer
  if (value === undefined) return unknown('the SNS message holds no JSON object')
  if (value['Event'] === 's3:TestEvent') return { kind: 'test' }
  const records = value['Records']
  if (Array.isArray(records)) return fromRecords(records)
  if (value['source'] === 'aws.s3') return fromBridge(value)
  const keys = value['s3ObjectKey']
  const bucket = bucketOf(value['s3Bucket'])
  if (bucket !== undefined && Array.isArray(keys) && keys.length <= OBJECTS_MAX) {
    const texts = keys.filter((key) => typeof key === 'string')
    return { kind: 'objects', objects: texts.map((key) => ({ bucket, key })), others: 0 }
  }
  return unknown('the message names no object of S3')
}

function fromRecords(records: readonly unknown[]): Notice {
  if (records.length > OBJECTS_MAX) return unknown(`the message has over ${OBJECTS_MAX} records`)
  const objects: NoticedObject[] = []
  let others = 0
  for (const one of records) {
    const record = objectOf(one)
    const s3 = objectOf(record?.['s3'])
    const object = objectOf(s3?.['object'])
    const bucket = bucketOf(objectOf(s3?.['bucket'])?.['name'])
    // Keys of S3 events are URL-encoded, a space being a plus sign.
    const key = keyOf(textOf(object?.['key']), true)
    const event = textOf(record?.['eventName'])
    if (bucket === undefined || key === undefined || event === undefined) {
      return unknown('a record of the message names no object of S3')
    }
    if (!/^(?:s3:)?ObjectCreated:/.test(event)) {
      others += 1
      continue
    }
    const of = {
      bucket,
      key,
      etag: textOf(object?.['eTag']),
      region: textOf(record?.['awsRegion']),
    }
    objects.push(noticed(of, textOf(record?.['eventTime'])))
  }
  return { kind: 'objects', objects, others }
}

function fromBridge(value: Value): Notice {
  if (value['detail-type'] !== 'Object Created') return { kind: 'objects', objects: [], others: 1 }
  const detail = objectOf(value['detail'])
  const object = objectOf(detail?.['object'])
  const bucket = bucketOf(objectOf(detail?.['bucket'])?.['name'])
  const key = textOf(object?.['key'])
  if (bucket === undefined || key === undefined) return unknown('the event names no object of S3')
  const of = { bucket, key, etag: textOf(object?.['etag']), region: textOf(value['region']) }
  return { kind: 'objects', objects: [noticed(of, textOf(value['time']))], others: 0 }
}

function noticed(
  of: { bucket: string; key: string; etag: string | undefined; region: string | undefined },
  time: string | undefined,
): NoticedObject {
  const writtenMs = Date.parse(time ?? '')
  return {
    ...{ bucket: of.bucket, key: of.key },
    ...(of.etag !== undefined && { etag: of.etag.replaceAll('"', '') }),
    ...(of.region !== undefined && /^[a-z0-9-]{2,40}$/.test(of.region) && { region: of.region }),
    ...(!Number.isNaN(writtenMs) && { writtenMs }),
  }
}

const unknown = (detail: string): Notice => ({ kind: 'unknown', detail })

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function objectOf(value: unknown): Value | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Value) : undefined
}

function bucketOf(value: unknown): string | undefined {
  return typeof value === 'string' && BUCKET.test(value) ? value : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
