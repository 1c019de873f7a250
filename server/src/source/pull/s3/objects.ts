import type { IncomingMessage } from 'node:http'
import { shortId } from '../../../base/hash.ts'
import { ObjectFault, PassingFault } from '../faults.ts'
import { accountOf } from '../key-facts.ts'
import type { AwsOptions } from '../options.ts'
import type { PullObject } from '../read-object.ts'
import type { AwsClient } from './client.ts'
import { ServiceFault } from './service-fault.ts'
import { bodyText } from './wire.ts'
import { childText, readXml } from './xml.ts'

/** An object as a listing or a notification tells of it. */
export interface S3Object {
  readonly bucket: string
  readonly key: string
  /** Without quotes. */
  readonly etag: string
  readonly writtenMs: number
  readonly region?: string
}

export interface ListPage {
  readonly objects: readonly S3Object[]
  /** Undefined: this was the last page. */
  readonly next: string | undefined
}

const PAGE_BYTES_MAX = 16 * 2 ** 20
const REGIONS_KEPT_MAX = 1_000

/** Lists and opens objects, in whatever region a bucket is. */
export class S3Objects {
  readonly #client: AwsClient
  readonly #options: AwsOptions
  readonly #payer: Readonly<Record<string, string>>
  readonly #regions = new Map<string, string>()

  constructor(client: AwsClient, options: AwsOptions, requesterPays: boolean) {
    this.#client = client
    this.#options = options
    this.#payer = requesterPays ? { 'x-amz-request-payer': 'requester' } : {}
  }

  /** One page of keys, sorted by their UTF-8 bytes. Rejects with ServiceFault or PassingFault. */
  async list(
    bucket: string,
    of: { prefix: string; startAfter?: string | undefined; token?: string | undefined },
  ): Promise<ListPage> {
    const query = {
      ...{ 'list-type': '2', 'encoding-type': 'url', prefix: of.prefix },
      ...(of.startAfter !== undefined &&
        of.token === undefined && { 'start-after': of.startAfter }),
      ...(of.token !== undefined && { 'continuation-token': of.token }),
    }
    const answer = await this.#call(bucket, { key: '', query })
    const page = readPage(await bodyText(answer, PAGE_BYTES_MAX), bucket)
    if (page === undefined) throw new PassingFault('listing', 'a listing could not be read')
    return page
  }

  /** ETag and time of an object that a notification names without them. */
  async head(bucket: string, key: string): Promise<S3Object> {
    const answer = await this.#object({ bucket, key, method: 'HEAD' })
    answer.resume()
    const etag = (answer.headers.etag ?? '').replaceAll('"', '')
    const writtenMs = Date.parse(answer.headers['last-modified'] ?? '')
    return { bucket, key, etag, writtenMs: Number.isNaN(writtenMs) ? 0 : writtenMs }
  }

  toPull(object: S3Object, attempts?: number): PullObject {
    const { bucket, key, etag } = object
    const region = this.#regions.get(bucket) ?? object.region
    const place = `s3://${bucket}/${key}`
    return {
      id: objectId(object),
      name: `${bucket}/${key}@${etag}`,
      place,
      writtenMs: object.writtenMs,
      facts: {
        path: place,
        bucket,
        key,
        ...(region !== undefined && { region }),
        ...accountOf(key),
      },
      ...(attempts !== undefined && { attempts }),
      open: () => this.#object({ bucket, key, method: 'GET', etag }),
    }
  }

  /** Rejects with ObjectFault where the object is the cause, else with PassingFault. */
  async #object(of: {
    bucket: string
    key: string
    method: 'GET' | 'HEAD'
    etag?: string
  }): Promise<IncomingMessage> {
    const { bucket, key, method, etag } = of
    if (key.split('/').some((part) => part === '.' || part === '..')) {
      throw new ObjectFault('unnameable', 'a key with the parts . or .. cannot be asked for')
    }
    const match: Record<string, string> =
      etag === undefined || etag === '' ? {} : { 'if-match': `"${etag}"` }
    try {
      return await this.#call(bucket, { key, query: {}, method, headers: match })
    } catch (error) {
      throw error instanceof ServiceFault ? objectFault(error) : error
    }
  }

  async #call(
    bucket: string,
    of: {
      key: string
      query: Readonly<Record<string, string>>
      method?: 'GET' | 'HEAD'
      headers?: Readonly<Record<string, string>>
    },
  ): Promise<IncomingMessage> {
    const { method = 'GET' } = of
    const headers = { ...this.#payer, ...of.headers }
    const ask = async (region: string): Promise<IncomingMessage> => {
      const url = this.#address(bucket, { region, key: of.key, query: of.query })
      return this.#client.call({ service: 's3', method, url, region, headers })
    }
    const region = this.#regions.get(bucket) ?? (await this.#client.region())
    try {
      return await ask(region)
    } catch (error) {
      // The bucket is in another region (301, 307, 400 AuthorizationHeaderMalformed): it says in which.
      const elsewhere = error instanceof ServiceFault ? error.region : undefined
      if (elsewhere === undefined || elsewhere === region) throw error
      if (this.#regions.size >= REGIONS_KEPT_MAX) this.#regions.clear()
      this.#regions.set(bucket, elsewhere)
      return ask(elsewhere)
    }
  }

  #address(
    bucket: string,
    of: { region: string; key: string; query: Readonly<Record<string, string>> },
  ): string {
    const { endpoint, path_style: pathStyle } = this.#options
    const base = new URL(endpoint ?? `https://s3.${of.region}.${awsSuffix(of.region)}`)
    // A name with dots fits no certificate for one level of hosts.
    const inPath = pathStyle || bucket.includes('.')
    const host = inPath ? base.host : `${bucket}.${base.host}`
    const folder = base.pathname === '/' ? '' : base.pathname.replace(/\/$/, '')
    const path = `${folder}${inPath ? `/${bucket}` : ''}/${of.key.split('/').map(encode).join('/')}`
    const query = Object.entries(of.query).map(([name, value]) => `${name}=${encode(value)}`)
    return `${base.protocol}//${host}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`
  }
}

export function objectId({ bucket, key, etag }: Pick<S3Object, 'bucket' | 'key' | 'etag'>): string {
  return shortId('s3', bucket, key, etag)
}

/** The regions in China have a domain of their own. */
export function awsSuffix(region: string): string {
  return region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
}

/** As SigV4 wants it: everything but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function objectFault(fault: ServiceFault): Error {
  const { status, code, message } = fault
  if (code === 'InvalidObjectState') {
    return new ObjectFault(
      'archived',
      'the object is in an archive class and must be restored first',
    )
  }
  if (code === 'NoSuchBucket') return new PassingFault('no_bucket', message)
  if (status === 404) return new ObjectFault('gone', message)
  if (status === 412) return new ObjectFault('gone', 'it was replaced by another content')
  if (fault.isPassing || fault.isSkew || fault.isExpired)
    return new PassingFault('service', message)
  return new ObjectFault('refused', message)
}

/** Undefined where the answer is none of ListObjectsV2. */
export function readPage(text: string, bucket: string): ListPage | undefined {
  const root = readXml(text)
  if (root?.name !== 'ListBucketResult') return undefined
  const isEncoded = childText(root, 'EncodingType') === 'url'
  const objects: S3Object[] = []
  for (const element of root.children) {
    if (element.name !== 'Contents') continue
    const key = keyOf(childText(element, 'Key'), isEncoded)
    const writtenMs = Date.parse(childText(element, 'LastModified') ?? '')
    if (key === undefined || Number.isNaN(writtenMs)) return undefined
    const etag = (childText(element, 'ETag') ?? '').replaceAll('"', '')
    // A key that ends in a slash, and holds nothing, stands for a folder.
    if (key.endsWith('/') && childText(element, 'Size') === '0') continue
    objects.push({ bucket, key, etag, writtenMs })
  }
  const isMore = childText(root, 'IsTruncated') === 'true'
  const next = childText(root, 'NextContinuationToken')
  if (isMore && (next === undefined || next === '')) return undefined
  return { objects, next: isMore ? next : undefined }
}

/** URL encoding as S3 does it: a space is a plus sign. Undefined where it is none. */
export function keyOf(text: string | undefined, isEncoded: boolean): string | undefined {
  if (text === undefined || !isEncoded) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
