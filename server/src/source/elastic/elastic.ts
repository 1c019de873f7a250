import { z } from 'zod'
import { shortId } from '../../base/hash.ts'
import type { RawItem, Refused } from '../../model/source.ts'
import { defineSource, type SourceDeps } from '../define.ts'
import type { BodyFault } from '../http/body.ts'
import { toHttpItem } from '../http/documents.ts'
import type { Call, HttpUse, Protocol } from '../http/listener.ts'
import { ProtocolSource } from '../http/protocol-source.ts'
import { type Reply, retryAfter } from '../http/listener.ts'
import { type Standing, Tokens } from '../http/tokens.ts'
import type { ListenerRoute } from '../http/routes.ts'
import { type HttpListenerOptions, httpInTheClear, httpListenerOptions } from '../http/options.ts'
import { type BulkAction, type BulkEntry, readBulk } from './bulk.ts'
import { answerAsCluster, ELASTIC_VERSION, failure } from './cluster.ts'

const WRITES = { methods: ['POST', 'PUT'], role: 'ingest', record: 'batch' } as const
const ASKED = { methods: ['GET'], role: 'ingest', record: 'count' } as const
const SET_UP = {
  methods: ['GET', 'PUT', 'POST', 'DELETE'],
  role: 'ingest',
  record: 'count',
} as const
const TEMPLATES = 'Acknowledged and not kept.'
const ROOT_ROUTES: readonly ListenerRoute[] = [
  { ...WRITES, path: '/_bulk', summary: 'Takes documents.' },
  { ...WRITES, path: '/*/_bulk', summary: 'Takes documents.' },
  ...['_doc', '_create'].flatMap((verb): ListenerRoute[] => [
    { ...WRITES, path: `/${verb}`, summary: 'Takes a document.' },
    { ...WRITES, path: `/${verb}/*`, summary: 'Takes a document.' },
    { ...WRITES, path: `/*/${verb}`, summary: 'Takes a document.' },
    { ...WRITES, path: `/*/${verb}/*`, summary: 'Takes a document.' },
  ]),
  { ...ASKED, path: '/', summary: 'Name and version.' },
  { ...ASKED, path: '/_license', summary: 'A basic license.' },
  { ...ASKED, path: '/_xpack', summary: 'What the license covers.' },
  { ...ASKED, path: '/_cluster/health/**', summary: 'Health of a cluster of one.' },
  { ...ASKED, path: '/_nodes/**', summary: 'The one node.' },
  ...[
    '_index_template',
    '_component_template',
    '_template',
    '_ilm/policy',
    '_ingest/pipeline',
    '_data_stream',
  ].flatMap((kind): ListenerRoute[] => [
    { ...SET_UP, path: `/${kind}`, summary: TEMPLATES },
    { ...SET_UP, path: `/${kind}/*`, summary: TEMPLATES },
  ]),
  {
    methods: ['HEAD', 'PUT'],
    path: '/*',
    summary: 'Whether an index is there: writing makes it so.',
    role: 'ingest',
    record: 'count',
  },
]
const ELASTIC_ROUTES: readonly ListenerRoute[] = [
  ...ROOT_ROUTES,
  ...ROOT_ROUTES.map((route) => ({
    ...route,
    path: route.path === '/' ? '/elastic' : `/elastic${route.path}`,
  })),
]

const elasticOptions = z.strictObject(httpListenerOptions('127.0.0.1:9200'))

/** What ships to Elasticsearch ships to Picket: its bulk API, and what senders ask before. */
export const elasticSource = defineSource({
  name: 'elastic',
  summary:
    `Takes documents as Elasticsearch ${ELASTIC_VERSION} does, by \`_bulk\` and \`_doc\`, at the root ` +
    'and under `/elastic`.',
  options: elasticOptions,
  routes: ELASTIC_ROUTES,
  inTheClear: httpInTheClear,
  create: (options, deps) => new ProtocolSource(options, deps, new ElasticProtocol(options, deps)),
})

const WRITE = /^\/(?:([^/_][^/]{0,511})\/)?(_bulk|_doc|_create)(?:\/([^/]{1,512}))?$/
const REJECTED = 'es_rejected_execution_exception'
const SHARDS = { total: 1, successful: 1, failed: 0 }

class ElasticProtocol implements Protocol {
  readonly routes = ELASTIC_ROUTES
  readonly headers = { 'x-elastic-product': 'Elasticsearch' }
  readonly #options: HttpListenerOptions
  readonly #deps: SourceDeps
  readonly tokens = new Tokens()
  #calls = 0

  constructor(options: HttpListenerOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
  }

  async admit(call: Call): Promise<Reply | undefined> {
    const standing = await this.#standingOf(call.headers.authorization)
    if (standing.kind === 'forbidden') {
      return failure(403, 'security_exception', 'this token may not deliver here')
    }
    if (standing.kind !== 'known') {
      const refused = failure(
        401,
        'security_exception',
        'missing or wrong authentication credentials',
      )
      return { ...refused, headers: { 'www-authenticate': 'ApiKey' } }
    }
    call.sender = standing.sender
    const path = pathOf(call)
    const isWrite = (call.method === 'POST' || call.method === 'PUT') && WRITE.test(path)
    return isWrite ? undefined : answerAsCluster({ method: call.method, path })
  }

  async answer(call: Call, body: Buffer, use: HttpUse): Promise<Reply> {
    const startedMs = this.#deps.clock.now()
    const text = body.toString('utf8')
    const [, index, verb, id] = WRITE.exec(pathOf(call)) ?? []
    const to = index === undefined ? undefined : decodeName(index)
    if (verb !== '_bulk') {
      const op = verb === '_create' ? 'create' : 'index'
      const entry = { op, index: to ?? 'default', id, document: text.trim() } as const
      const outcome = await this.#take(call, [entry], use, body.length)
      return 'reply' in outcome ? outcome.reply : single(outcome.items[0] ?? {})
    }
    const read = readBulk(text, to)
    if (!read.ok) return failure(400, 'illegal_argument_exception', read.message)
    const outcome = await this.#take(call, read.entries, use, body.length)
    if ('reply' in outcome) return outcome.reply
    const errors = outcome.items.some((item) => Object.values(item)[0]?.error !== undefined)
    const took = Math.max(0, this.#deps.clock.now() - startedMs)
    return { status: 200, body: { took, errors, items: outcome.items } }
  }

  refuse(fault: BodyFault): Reply {
    switch (fault) {
      case 'too_large':
        return failure(413, 'content_too_long_exception', 'the body is larger than is taken')
      case 'pending_full':
        return { ...overloaded('too much is under way'), headers: retryAfter(1_000) }
      case 'encoding':
      case 'broken':
        return failure(400, 'parse_exception', 'the body could not be read')
    }
  }

  /** `ApiKey base64(id:key)`, `Basic base64(user:password)` or `Bearer token`; the secret part counts. */
  async #standingOf(authorization: string | undefined): Promise<Standing> {
    const [, scheme = '', value = ''] =
      /^(ApiKey|Basic|Bearer) +(\S+)$/i.exec(authorization ?? '') ?? []
    const whole = await this.tokens.standingOf(value === '' ? undefined : value)
    if (whole.kind !== 'unknown' || value === '' || scheme.toLowerCase() === 'bearer') return whole
    const pair = Buffer.from(value, 'base64').toString('utf8')
    const of = await this.tokens.standingOf(pair)
    if (of.kind !== 'unknown') return of
    return this.tokens.standingOf(pair.slice(pair.indexOf(':') + 1))
  }

  async #take(
    call: Call,
    entries: readonly BulkEntry[],
    use: HttpUse,
    bytes: number,
  ): Promise<{ readonly items: readonly BulkItem[] } | { readonly reply: Reply }> {
    const receivedMs = this.#deps.clock.now()
    this.#calls += 1
    const prefix = shortId(this.#deps.name, String(receivedMs), String(this.#calls)).slice(0, 16)
    const keyOf = (entry: BulkEntry, at: number): string =>
      entry.id === undefined ? `${prefix}:${at}` : `${entry.index}:${entry.id}`
    const items: RawItem[] = []
    for (const [at, entry] of entries.entries()) {
      if (!isWrite(entry)) continue
      const facts = { peer: call.peer, transport: 'elastic', index: entry.index }
      const of = { key: keyOf(entry, at), receivedMs, facts }
      items.push(toHttpItem(entry.document, of, this.#options.text_bytes_max))
    }
    let refused: readonly Refused[] = []
    if (items.length > 0) {
      const delivery = await use.sink.deliver({ items }, 'refuse')
      if (delivery.kind === 'busy') {
        const reason = delivery.problem.message
        // Elastic's own clients send rejected items again, but give up where a whole request is.
        if (call.headers['x-elastic-client-meta'] !== undefined) {
          return {
            items: entries.map((entry, at) => rejectedItem(entry, `${prefix}${at}`, reason)),
          }
        }
        const reply = overloaded(reason)
        return { reply: { ...reply, headers: retryAfter(delivery.retryAfterMs) } }
      }
      use.counters.received(items.length, bytes)
      refused = delivery.refused ?? []
    }
    const faults = new Map(refused.map((one) => [one.key, one]))
    const answers = entries.map((entry, at) => {
      const id = entry.id ?? `${prefix}${at}`
      return toBulkItem(entry, id, faults.get(keyOf(entry, at)))
    })
    return { items: answers }
  }
}

type BulkItem = Readonly<Record<string, { readonly status: number; readonly error?: unknown }>>

function isWrite(entry: BulkEntry): entry is BulkAction {
  return entry.op === 'create' || entry.op === 'index'
}

function toBulkItem(entry: BulkEntry, id: string, fault: Refused | undefined): BulkItem {
  const named = { _index: entry.index, _id: id }
  if (!isWrite(entry)) {
    const reason = 'documents are evidence here: they are neither changed nor deleted'
    const error = { type: 'illegal_argument_exception', reason }
    return { [entry.op]: { ...named, status: 400, error } }
  }
  if (fault !== undefined) {
    const error = { type: 'document_parsing_exception', reason: `${fault.code}: ${fault.message}` }
    return { [entry.op]: { ...named, status: 400, error } }
  }
  const done = { _version: 1, result: 'created', _shards: SHARDS, _seq_no: 0, _primary_term: 1 }
  return { [entry.op]: { ...named, ...done, status: 201 } }
}

function rejectedItem(entry: BulkEntry, id: string, reason: string): BulkItem {
  const error = { type: REJECTED, reason }
  const named = { _index: entry.index, _id: entry.id ?? id }
  return { [entry.op]: { ...named, status: 429, error } }
}

function single(item: BulkItem): Reply {
  const [outcome] = Object.values(item)
  if (outcome === undefined) return { status: 500 }
  const { status, error, ...rest } = outcome
  return { status, body: error === undefined ? rest : { error, status } }
}

function overloaded(reason: string): Reply {
  return failure(429, REJECTED, reason)
}

function pathOf(call: Call): string {
  const path = call.path.replace(/^\/elastic(?=\/|$)/, '')
  return path === '' ? '/' : path
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
