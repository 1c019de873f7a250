import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeObject {
  readonly body: Buffer
  readonly etag: string
  readonly writtenMs: number
}

interface FakeMessage {
  readonly id: string
  readonly body: string
  visibleMs: number
  receives: number
}

/** What a request meets instead of its answer; undefined: the answer. */
export type Twist = (request: IncomingMessage, response: ServerResponse, path: string) => boolean

/** As much of S3 and SQS as the source asks for, and any misbehaviour a test wants. */
export class FakeAws {
  readonly objects = new Map<string, FakeObject>()
  readonly queue: FakeMessage[] = []
  readonly requests: string[] = []
  readonly deleted: string[] = []
  readonly hidden: { id: string; seconds: number }[] = []
  readonly #server: Server
  twist: Twist = () => false
  #count = 0
  pageMax = 1_000

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  static async open(): Promise<FakeAws> {
    const fake = new FakeAws()
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve))
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  put(key: string, content: string | Buffer, writtenMs = Date.now()): FakeObject {
    const body = Buffer.from(content)
    const etag = createHash('md5').update(body).digest('hex')
    const object = { body, etag, writtenMs }
    this.objects.set(key, object)
    return object
  }

  /** Puts an object and tells of it, as S3 does. */
  notify(key: string, content: string | Buffer): void {
    const { etag } = this.put(key, content)
    this.tell(JSON.stringify({ Records: [s3Record(key, etag)] }))
  }

  tell(body: string): string {
    const id = `m${this.#count++}`
    this.queue.push({ id, body, visibleMs: 0, receives: 0 })
    return id
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const path = request.url ?? '/'
      this.requests.push(`${request.method} ${path}`)
      if (this.twist(request, response, path)) return
      const action = request.headers['x-amz-target']
      if (typeof action === 'string') {
        this.#sqs(action, JSON.parse(Buffer.concat(parts).toString()) as SqsCall, response)
      } else this.#s3(new URL(path, this.url), request, response)
    })
  }

  #s3(url: URL, request: IncomingMessage, response: ServerResponse): void {
    if (url.searchParams.has('list-type')) return this.#list(url.searchParams, response)
    const key = decodeURIComponent(url.pathname.slice('/bucket/'.length))
    const object = this.objects.get(key)
    if (object === undefined) return fault(response, 404, 'NoSuchKey')
    const match = request.headers['if-match']
    if (match !== undefined && match !== `"${object.etag}"`) return fault(response, 412, 'No')
    response.writeHead(200, {
      etag: `"${object.etag}"`,
      'content-length': object.body.length,
      'last-modified': new Date(object.writtenMs).toUTCString(),
    })
    response.end(request.method === 'HEAD' ? undefined : object.body)
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const after = query.get('continuation-token') ?? query.get('start-after') ?? ''
    const prefix = query.get('prefix') ?? ''
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after)
    const page = keys.toSorted().slice(0, this.pageMax)
    const isMore = keys.length > page.length
    const contents = page.map((key) => {
      const { etag, writtenMs, body } = this.objects.get(key)!
      const time = new Date(writtenMs).toISOString()
      const coded = encodeURIComponent(key).replaceAll('%20', '+')
      return (
        `<Contents><Key>${coded}</Key><LastModified>${time}</LastModified>` +
        `<ETag>&quot;${etag}&quot;</ETag><Size>${body.length}</Size></Contents>`
      )
    })
    const next = isMore ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="x"><EncodingType>url</EncodingType>` +
        `<IsTruncated>${isMore}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
    )
  }

  #sqs(action: string, call: SqsCall, response: ServerResponse): void {
    const now = Date.now()
    const message = this.queue.find(({ id }) => id === call.ReceiptHandle)
    if (action.endsWith('ReceiveMessage')) {
      const given = this.queue.filter(({ visibleMs }) => visibleMs <= now).slice(0, 10)
      for (const one of given) {
        one.visibleMs = now + call.VisibilityTimeout * 1_000
        one.receives += 1
      }
      const Messages = given.map(({ id, body, receives }) => {
        const Attributes = { ApproximateReceiveCount: String(receives) }
        return { MessageId: id, ReceiptHandle: id, Body: body, Attributes }
      })
      response.end(JSON.stringify({ Messages }))
      return
    }
    if (message !== undefined && action.endsWith('DeleteMessage')) {
      this.queue.splice(this.queue.indexOf(message), 1)
      this.deleted.push(message.id)
    } else if (message !== undefined) {
      message.visibleMs = now + call.VisibilityTimeout * 1_000
      this.hidden.push({ id: message.id, seconds: call.VisibilityTimeout })
    }
    response.end('{}')
  }
}

interface SqsCall {
  readonly ReceiptHandle: string
  readonly VisibilityTimeout: number
}

export function s3Record(key: string, etag: string, eventName = 'ObjectCreated:Put'): object {
  const coded = encodeURIComponent(key).replaceAll('%20', '+')
  const s3 = { bucket: { name: 'bucket' }, object: { key: coded, eTag: etag } }
  return { eventName, awsRegion: 'eu-west-1', eventTime: new Date().toISOString(), s3 }
}

export function fault(response: ServerResponse, status: number, code: string, more = ''): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<Error><Code>${code}</Code><Message>so it is</Message>${more}</Error>`)
}
