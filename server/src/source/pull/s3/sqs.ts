import { z } from 'zod'
import type { QueueOptions } from '../options.ts'
import { PassingFault } from '../faults.ts'
import type { AwsClient } from './client.ts'
import { bodyText } from './wire.ts'

/** A message that is ours for a while. */
export interface QueueMessage {
  readonly id: string
  readonly handle: string
  readonly body: string
  /** How often it was given to somebody, this time included. */
  readonly receives: number
}

const ANSWER_MAX = 16 * 2 ** 20
const MARGIN_MS = 10_000
const LEAVING_MS = 1_000
const MESSAGES_MAX = 10

const answerSchema = z.object({
  Messages: z
    .array(
      z.object({
        MessageId: z.string(),
        ReceiptHandle: z.string(),
        Body: z.string(),
        Attributes: z.object({ ApproximateReceiveCount: z.string() }).partial().optional(),
      }),
    )
    .nullish(),
})

/** The AWS JSON protocol of SQS ("Making query API requests using AWS JSON protocol"). */
export class Sqs {
  readonly #client: AwsClient
  readonly #url: string
  readonly #region: string | undefined

  constructor(client: AwsClient, url: string) {
    this.#client = client
    this.#url = url
    this.#region = queueRegion(url)
  }

  async receive(options: QueueOptions): Promise<readonly QueueMessage[]> {
    const text = await this.#call('ReceiveMessage', options.wait + MARGIN_MS, {
      MaxNumberOfMessages: MESSAGES_MAX,
      VisibilityTimeout: Math.ceil(options.visibility / 1_000),
      WaitTimeSeconds: Math.floor(options.wait / 1_000),
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      AttributeNames: ['ApproximateReceiveCount'],
    })
    const read = answerSchema.safeParse(parse(text))
    if (!read.success) throw new PassingFault('queue', 'an answer of the queue could not be read')
    return (read.data.Messages ?? []).map((message) => ({
      ...{ id: message.MessageId, handle: message.ReceiptHandle, body: message.Body },
      receives: Number(message.Attributes?.ApproximateReceiveCount ?? 1) || 1,
    }))
  }

  /** It is ours for so long from now; 0: others may have it. */
  async hide(message: QueueMessage, seconds: number): Promise<void> {
    const visibility = { VisibilityTimeout: seconds, ReceiptHandle: message.handle }
    await this.#call('ChangeMessageVisibility', MARGIN_MS, visibility)
  }

  /** Others may have it, while we are stopping. */
  async giveBack(message: QueueMessage): Promise<void> {
    const visibility = { VisibilityTimeout: 0, ReceiptHandle: message.handle }
    await this.#call('ChangeMessageVisibility', LEAVING_MS, visibility, true)
  }

  async remove(message: QueueMessage): Promise<void> {
    await this.#call('DeleteMessage', MARGIN_MS, { ReceiptHandle: message.handle })
  }

  async #call(action: string, timeoutMs: number, fields: object, isLast = false): Promise<string> {
    const answer = await this.#client.call({
      service: 'sqs',
      method: 'POST',
      url: `${new URL(this.#url).origin}/`,
      ...(this.#region !== undefined && { region: this.#region }),
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
      },
      body: JSON.stringify({ QueueUrl: this.#url, ...fields }),
      timeoutMs,
      isLast,
    })
    return bodyText(answer, ANSWER_MAX)
  }
}

/** Of `sqs.REGION.…`, `sqs-fips.REGION.…`, `vpce-….sqs.REGION.vpce.…` and `REGION.queue.…`. */
export function queueRegion(url: string): string | undefined {
  const { hostname } = new URL(url)
  const named = /(?:^|\.)sqs(?:-fips)?\.([a-z0-9-]+)\./.exec(hostname)
  return (named ?? /^([a-z]{2}-[a-z-]+-\d)\.queue\./.exec(hostname))?.[1]
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text)
  } catch {
    return undefined
  }
}
