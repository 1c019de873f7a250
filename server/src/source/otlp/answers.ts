import { type Reply, retryAfter } from '../http/listener.ts'

export type Encoding = 'json' | 'protobuf'

const TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' } as const

export function encodingOf(contentType: string | undefined): Encoding | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === TYPES.protobuf) return 'protobuf'
  return type === TYPES.json ? 'json' : undefined
}

/** ExportLogsServiceResponse or ExportTraceServiceResponse. */
export function accepted(
  encoding: Encoding,
  partial: { readonly name: string; readonly rejected: number; readonly message: string },
): Reply {
  const headers = { 'content-type': TYPES[encoding] }
  const { name, rejected, message: errorMessage } = partial
  if (encoding === 'json') {
    const partialSuccess = { [name]: String(rejected), errorMessage }
    return { status: 200, headers, body: rejected === 0 ? {} : { partialSuccess } }
  }
  if (rejected === 0) return { status: 200, headers }
  const inner = [Buffer.from([0x08]), varint(rejected), ...textField(0x12, errorMessage)]
  return { status: 200, headers, body: sized(0x0a, Buffer.concat(inner)) }
}

/** google.rpc.Status, as OTLP/HTTP wants failures. */
export function failed(
  encoding: Encoding,
  status: number,
  message: string,
  retryMs?: number,
): Reply {
  const wait = retryMs === undefined ? {} : retryAfter(retryMs)
  const headers = { 'content-type': TYPES[encoding], ...wait }
  const body = encoding === 'json' ? { message } : Buffer.concat(textField(0x12, message))
  return { status, headers, body }
}

function textField(tag: number, text: string): Buffer[] {
  return [sized(tag, Buffer.from(text))]
}

function sized(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), varint(content.length), content])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest & 127) | 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}
