import type { IncomingMessage } from 'node:http'
import { childText, readXml } from './xml.ts'
import { bodyText } from './wire.ts'

const ANSWER_MAX = 65_536
const BUSY =
  /^(?:SlowDown|Throttl|RequestThrottl|RequestTimeout|InternalError|ServiceUnavailable|TooManyRequests)/
const SKEW = /^(?:RequestTimeTooSkewed|RequestExpired)/
/** SQS (InvalidSignatureException) and STS (SignatureDoesNotMatch) tell it in their message only. */
const SKEW_TOLD = /^Signature (?:expired|not yet current)/
const EXPIRED = /^(?:ExpiredToken|TokenRefreshRequired|InvalidToken|ExpiredTokenException)/

/** What a service answered instead of doing it. */
export class ServiceFault extends Error {
  readonly status: number
  readonly code: string
  /** Where the bucket is, if it is elsewhere. */
  readonly region: string | undefined
  /** What the clock of the service shows. */
  readonly dateMs: number | undefined
  readonly #told: string

  constructor(of: {
    status: number
    code: string
    message: string
    region?: string
    date?: string
  }) {
    super(`${of.code} (${of.status}): ${of.message}`)
    this.status = of.status
    this.code = of.code
    this.#told = of.message
    this.region = of.region
    const dateMs = Date.parse(of.date ?? '')
    this.dateMs = Number.isNaN(dateMs) ? undefined : dateMs
  }

  get isPassing(): boolean {
    return this.status >= 500 || this.status === 429 || BUSY.test(this.code)
  }

  get isSkew(): boolean {
    return SKEW.test(this.code) || SKEW_TOLD.test(this.#told)
  }

  get isExpired(): boolean {
    return EXPIRED.test(this.code)
  }
}

export async function toServiceFault(answer: IncomingMessage): Promise<ServiceFault> {
  const text = await bodyText(answer, ANSWER_MAX).catch(() => '')
  const status = answer.statusCode ?? 0
  const told = text.trimStart().startsWith('{') ? fromJson(text) : fromXml(text)
  const header = answer.headers['x-amz-bucket-region']
  const region = typeof header === 'string' ? header : told.region
  const date = answer.headers.date
  return new ServiceFault({
    status,
    code: told.code ?? nameOf(status),
    message: (told.message ?? 'no reason was given').slice(0, 300),
    ...(region !== undefined && /^[a-z0-9-]{2,40}$/.test(region) && { region }),
    ...(date !== undefined && { date }),
  })
}

interface Told {
  readonly code: string | undefined
  readonly message: string | undefined
  readonly region?: string | undefined
}

function fromXml(text: string): Told {
  const root = readXml(text)
  const error = root?.name === 'Error' ? root : root?.children.find(({ name }) => name === 'Error')
  const code = childText(error, 'Code')?.slice(0, 100)
  return { code, message: childText(error, 'Message'), region: childText(error, 'Region') }
}

function fromJson(text: string): Told {
  try {
    const value = JSON.parse(text) as Record<string, unknown>
    const type = value['__type']
    const message = value['message'] ?? value['Message']
    return {
      code: typeof type === 'string' ? type.slice(type.lastIndexOf('#') + 1, 200) : undefined,
      message: typeof message === 'string' ? message : undefined,
    }
  } catch {
    return { code: undefined, message: undefined }
  }
}

function nameOf(status: number): string {
  if (status === 404) return 'NotFound'
  if (status === 403) return 'AccessDenied'
  return status === 412 ? 'PreconditionFailed' : `Status${status}`
}
