/** One sender for each listener, which knows for every input whether it was acknowledged. */
import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { SessionBroker } from './mqtt-peer.ts'

export type Outcome =
  | { readonly kind: 'acknowledged' }
  /** The receiver said no, and when to try again. */
  | { readonly kind: 'refused'; readonly status: number; readonly retryAfter: string | null }
  /** No answer: it may have been taken or not. */
  | { readonly kind: 'unknown' }

export interface Peer {
  readonly name: string
  /** The source's section in the configuration. */
  source(port: number): Readonly<Record<string, unknown>>
  /**
   * Sends documents that bear these names; called again with the same names until acknowledged.
   * `attempt` is the same for the same names.
   */
  send(port: number, names: readonly string[], attempt: string, pad: string): Promise<Outcome>
  /** What a full receiver answers. */
  readonly refusals: readonly number[]
  /** A redelivery is recognised: each input is stored once. Else it is stored at least once. */
  readonly isOnce: boolean
  /** The protocol has no acknowledgement: what was under way when the receiver died may be lost. */
  readonly isLossy?: boolean
}

const TIMEOUT_MS = 2_000
const RETRY_STATUS = new Set([429, 503])

async function post(
  port: number,
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
): Promise<{ outcome: Outcome; answer: unknown }> {
  const url = `http://127.0.0.1:${port}${path}`
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(url, { method: 'POST', body, headers, signal })
    const answer: unknown = await response.json().catch(() => undefined)
    const { status } = response
    if (response.ok) return { outcome: { kind: 'acknowledged' }, answer }
    if (!RETRY_STATUS.has(status)) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`)
    const retryAfter = response.headers.get('retry-after')
    return { outcome: { kind: 'refused', status, retryAfter }, answer }
  } catch (error) {
    if (error instanceof Error && /: [45]\d\d /.test(error.message)) throw error
    return { outcome: { kind: 'unknown' }, answer: undefined }
  }
}

/** A document that the store keeps as an event. */
function docOf(sequence: string, pad: string): object {
  return { event: { action: 'api-call' }, labels: { sequence }, ...(pad !== '' && { pad }) }
}

function linesOf(names: readonly string[], pad: string): string {
  return names.map((name) => `${JSON.stringify(docOf(name, pad))}\n`).join('')
}

const channel = randomUUID()

/** With indexer acknowledgement, as Firehose and forwarders use it. */
const hec: Peer = {
  name: 'hec',
  source: (port) => ({ type: 'hec', decoder: 'json', listen: at(port), acknowledgement: true }),
  refusals: [503],
  isOnce: true,
  async send(port, names, _attempt, pad) {
    const body = names.map((name) => JSON.stringify({ event: docOf(name, pad) })).join('')
    const headers = { 'x-splunk-request-channel': channel }
    const sent = await post(port, '/services/collector/event', body, headers)
    if (sent.outcome.kind !== 'acknowledged') return sent.outcome
    const { ackId } = sent.answer as { ackId: number }
    const asked = await post(
      port,
      '/services/collector/ack',
      JSON.stringify({ acks: [ackId] }),
      headers,
    )
    const { acks = {} } = (asked.answer ?? {}) as { acks?: Record<string, boolean> }
    return acks[String(ackId)] === true ? { kind: 'acknowledged' } : { kind: 'unknown' }
  },
}

const elastic: Peer = {
  name: 'elastic',
  source: (port) => ({ type: 'elastic', decoder: 'json', listen: at(port) }),
  refusals: [429],
  isOnce: false,
  async send(port, names, _attempt, pad) {
    const action = JSON.stringify({ create: { _index: 'logs-iot-default' } })
    const body = names.map((name) => `${action}\n${JSON.stringify(docOf(name, pad))}\n`).join('')
    const { outcome, answer } = await post(port, '/elastic/_bulk', body, {
      'content-type': 'application/x-ndjson',
    })
    if (outcome.kind === 'acknowledged' && (answer as { errors?: boolean }).errors !== false) {
      throw new Error(JSON.stringify(answer).slice(0, 500))
    }
    return outcome
  },
}

const http: Peer = {
  name: 'http',
  source: (port) => ({ type: 'http', decoder: 'json', listen: at(port) }),
  refusals: [503],
  isOnce: false,
  async send(port, names, _attempt, pad) {
    const { outcome, answer } = await post(port, '/api/v1/events', linesOf(names, pad), {})
    if (outcome.kind === 'acknowledged' && (answer as { rejected?: number }).rejected !== 0) {
      throw new Error(JSON.stringify(answer).slice(0, 500))
    }
    return outcome
  },
}

const firehose: Peer = {
  name: 'firehose',
  source: (port) => ({ type: 'firehose', decoder: 'json', listen: at(port) }),
  refusals: [503],
  isOnce: true,
  async send(port, names, attempt, pad) {
    const records = names.map((name) => ({
      data: Buffer.from(JSON.stringify(docOf(name, pad))).toString('base64'),
    }))
    const body = JSON.stringify({ requestId: attempt, timestamp: Date.now(), records })
    const { outcome } = await post(port, '/firehose', body, {
      'content-type': 'application/json',
      'x-amz-firehose-request-id': attempt,
      'x-amz-firehose-protocol-version': '1.0',
    })
    return outcome
  },
}

const otlp: Peer = {
  name: 'otlp',
  source: (port) => ({ type: 'otlp', decoder: 'json', listen: at(port) }),
  refusals: [503],
  isOnce: false,
  async send(port, names, _attempt, pad) {
    const logRecords = names.map((name) => ({
      body: { stringValue: pad === '' ? 'x' : pad },
      attributes: [
        { key: 'labels.sequence', value: { stringValue: name } },
        { key: 'event.action', value: { stringValue: 'api-call' } },
      ],
    }))
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
    const { outcome } = await post(port, '/v1/logs', new Uint8Array(gzipSync(body)), {
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    })
    return outcome
  },
}

const SYSLOG = { type: 'syslog', decoder: 'json', message_bytes_max: '256KiB' } as const
const wires: Socket[] = []

/** One connection, made anew when it breaks; octet counted. */
const syslogTcp: Peer = {
  name: 'syslog-tcp',
  source: (port) => ({ ...SYSLOG, listen: at(port), transports: ['tcp'] }),
  refusals: [],
  isOnce: true,
  isLossy: true,
  async send(port, names, _attempt, pad) {
    const text = names.map((name) => {
      const line = JSON.stringify(docOf(name, pad))
      return `${Buffer.byteLength(line)} ${line}`
    })
    const [socket] = await reconnected(port)
    if (socket === undefined) return { kind: 'unknown' }
    // As syslog senders have it: what the system took counts as sent.
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve({ kind: 'acknowledged' }), TIMEOUT_MS)
      socket.write(text.join(''), () => {
        clearTimeout(late)
        resolve({ kind: 'acknowledged' })
      })
    })
  },
}

let broker: SessionBroker | undefined

/** Here the sender is the broker that Picket is connected to: it waits, and asks nobody to come again. */
const mqtt: Peer = {
  name: 'mqtt',
  source: (port) => {
    broker = new SessionBroker(port)
    const topics = ['fleet/all']
    return {
      type: 'mqtt',
      decoder: 'json',
      broker: `mqtt://${at(port)}`,
      topics,
      reconnect_max: '1s',
    }
  },
  refusals: [],
  isOnce: true,
  async send(_port, names, _attempt, pad) {
    const isTaken = await broker?.publish(names.map((name) => JSON.stringify(docOf(name, pad))))
    return { kind: isTaken === true ? 'acknowledged' : 'unknown' }
  },
}

/** The connection to a port, made where there is none; none where nobody listens. */
async function reconnected(port: number): Promise<Socket[]> {
  const [known] = wires
  if (known !== undefined && !known.destroyed && known.writable) return wires
  wires.length = 0
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      wires.push(socket)
      resolve(wires)
    })
    socket.on('error', () => resolve([]))
    socket.on('close', () => socket.destroy())
  })
}

/** As rsyslog's omrelp: what has no answer when the connection breaks is sent again on the next one. */
const relp: Peer = {
  name: 'syslog-relp',
  source: (port) => ({ ...SYSLOG, transports: [], relp: { listen: at(port) } }),
  refusals: [],
  isOnce: false,
  async send(port, names, _attempt, pad) {
    const frames = names.map((name, index) => {
      const line = JSON.stringify(docOf(name, pad))
      return `${index + 2} syslog ${Buffer.byteLength(line)} ${line}\n`
    })
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      let answers = ''
      const end = (outcome: Outcome): void => {
        socket.destroy()
        resolve(outcome)
      }
      socket.setTimeout(TIMEOUT_MS, () => end({ kind: 'unknown' }))
      socket.on('error', () => end({ kind: 'unknown' }))
      socket.on('close', () => end({ kind: 'unknown' }))
      socket.on('data', (bytes) => {
        answers += bytes.toString()
        const told = answers.match(/^\d+ rsp 6 200 OK$/gm) ?? []
        if (told.length === names.length) end({ kind: 'acknowledged' })
      })
      socket.write(`1 open 14 relp_version=0\n${frames.join('')}`)
    })
  },
}

function at(port: number): string {
  return `127.0.0.1:${port}`
}

export const PEERS: readonly Peer[] = [hec, elastic, http, firehose, otlp, syslogTcp, relp, mqtt]

export function closePeers(): void {
  broker?.close()
  for (const socket of wires) socket.destroy()
}
