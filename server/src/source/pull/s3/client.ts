import { AwsV4Signer } from 'aws4fetch'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { resolve } from 'node:path'
import { rootCertificates } from 'node:tls'
import type { SourceDeps } from '../../define.ts'
import { PassingFault } from '../faults.ts'
import type { AwsOptions } from '../options.ts'
import { type Credentials, findCredentials, variable } from './credentials.ts'
import { assumeRole } from './role.ts'
import { ServiceFault, toServiceFault } from './service-fault.ts'
import { exchange } from './wire.ts'

export interface AwsCall {
  readonly service: 's3' | 'sqs' | 'sts'
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly url: string
  readonly region?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs?: number
  /** Made while stopping: once, and not broken off. */
  readonly isLast?: boolean
}

const ATTEMPTS_MAX = 5
const RETRY_MS = 200
const RETRY_MS_MAX = 10_000
const TIMEOUT_MS = 30_000
const RENEW_MS = 300_000

/** Calls AWS, or what speaks as it does: signs, tries again, follows the clock of the service. */
export class AwsClient {
  readonly #options: AwsOptions
  readonly #deps: SourceDeps
  readonly #stopping = new AbortController()
  #credentials: Promise<Credentials> | undefined
  #expiresMs = Number.POSITIVE_INFINITY
  #ca: Promise<string[]> | undefined
  #skewMs = 0
  /** Signing keys, by day and region. */
  readonly #keys = new Map<string, ArrayBuffer>()

  constructor(options: AwsOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
  }

  async region(): Promise<string> {
    return (
      this.#options.region ??
      (await variable(this.#deps, 'AWS_REGION')) ??
      (await variable(this.#deps, 'AWS_DEFAULT_REGION')) ??
      'us-east-1'
    )
  }

  /** An answer of 200 to 299. Rejects with ServiceFault, PassingFault or ProblemError. */
  async call(call: AwsCall): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(call)
      } catch (error) {
        if (this.#stopping.signal.aborted) throw error
        if (attempt >= ATTEMPTS_MAX || !this.#mayHelp(error)) throw error
        await this.#pause(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** attempt))
      }
    }
  }

  close(): void {
    this.#stopping.abort()
  }

  async #once(call: AwsCall): Promise<IncomingMessage> {
    const credentials = await this.#current()
    const { method = 'GET', body, timeoutMs = TIMEOUT_MS } = call
    const { url, headers } = await new AwsV4Signer({
      ...credentials,
      ...{ method, url: call.url, service: call.service, headers: { ...call.headers } },
      ...(body !== undefined && { body }),
      region: call.region ?? (await this.region()),
      datetime: amzDate(this.#deps.clock.now() + this.#skewMs),
      cache: this.#keys,
    }).sign()
    const ca = await this.#authorities()
    const signal = call.isLast === true ? undefined : this.#stopping.signal
    const answer = await exchange({
      ...{ method, url, headers: Object.fromEntries(headers), timeoutMs, ca, signal },
      ...(body !== undefined && { body }),
    })
    const status = answer.statusCode ?? 0
    if (status >= 200 && status < 300) return answer
    throw await toServiceFault(answer)
  }

  #mayHelp(error: unknown): boolean {
    if (error instanceof PassingFault) return error.reason !== 'tls'
    if (!(error instanceof ServiceFault)) return false
    if (error.isSkew && error.dateMs !== undefined) {
      const skewMs = error.dateMs - this.#deps.clock.now()
      const { name, log } = this.#deps
      log.warn(
        { source: name, skewMs },
        'The clock of AWS and ours differ: its own is signed with.',
      )
      const isNews = Math.abs(skewMs - this.#skewMs) > 1_000
      this.#skewMs = skewMs
      return isNews
    }
    if (error.isExpired) {
      this.#credentials = undefined
      return true
    }
    return error.isPassing
  }

  async #current(): Promise<Credentials> {
    if (this.#deps.clock.now() + RENEW_MS > this.#expiresMs) this.#credentials = undefined
    this.#credentials ??= this.#find()
    try {
      const found = await this.#credentials
      this.#expiresMs = found.expiresMs ?? Number.POSITIVE_INFINITY
      return found
    } catch (error) {
      this.#credentials = undefined
      throw error
    }
  }

  async #find(): Promise<Credentials> {
    const base = await findCredentials(this.#options, this.#deps)
    if (this.#options.role_arn === undefined) return base
    return assumeRole(base, {
      ...{ options: this.#options, region: await this.region(), ca: await this.#authorities() },
      datetime: amzDate(this.#deps.clock.now() + this.#skewMs),
    })
  }

  #authorities(): Promise<string[]> | undefined {
    const { ca_file: file } = this.#options
    if (file === undefined) return undefined
    this.#ca ??= readFile(resolve(this.#deps.baseDir, file), 'utf8').then(
      (pem) => [...rootCertificates, pem],
      (error: NodeJS.ErrnoException) => {
        // The next attempt looks again.
        this.#ca = undefined
        throw new PassingFault('tls', `aws.ca_file cannot be read: ${error.code ?? error.message}`)
      },
    )
    return this.#ca
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping
    return new Promise((wake) => {
      const over = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', over)
        wake()
      }
      const timer = setTimeout(over, ms)
      signal.addEventListener('abort', over)
    })
  }
}

export function amzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[:-]|\.\d{3}/g, '')
}
