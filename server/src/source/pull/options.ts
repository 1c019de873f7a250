import { z } from 'zod'
import { durationOption, secretOption, sizeOption } from '../../model/options.ts'

const path = z.string().min(1).max(4_096)
const address = z
  .url({ protocol: /^https?$/, error: 'not an address; write it as https://host:port' })
  .max(2_048)

const folder = z.strictObject({
  path: path.describe('The folder; its subfolders are looked through too.'),
  include: z
    .array(path)
    .min(1)
    .max(100)
    .default(['**'])
    .describe('Patterns of the files to read, as in `file`, starting at the folder.'),
  exclude: z
    .array(path)
    .max(100)
    .default(['**/*.tmp', '**/*.part', '**/*.partial', '**/*.filepart', '**/*~'])
    .describe('Patterns of files to leave out. Names that begin with a dot are always left out.'),
  settle: durationOption({ minMs: 0, maxMs: 86_400_000 })
    .prefault('5s')
    .describe('A file is complete once its size and time of change have stood for so long.'),
  after: z
    .enum(['keep', 'delete', 'move'])
    .default('keep')
    .describe('What becomes of a file that was read and is stored.'),
  move_to: path
    .optional()
    .describe('Folder for read files with `after: move`, on the same file system.'),
})

const bucket = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'not the name of a bucket')
    .describe('Name of the bucket.'),
  prefixes: z
    .array(z.string().max(1_024))
    .min(1)
    .max(200)
    .default([''])
    .describe(
      'Beginnings of keys. `{yyyy}`, `{MM}`, `{dd}`, `{HH}` stand for parts of the time in UTC: only the days (or ' +
        'hours) of the look-back window are listed then.',
    ),
  start_after: z
    .string()
    .min(1)
    .max(1_024)
    .optional()
    .describe('Objects up to this key are not read; for prefixes without a time.'),
  look_back: durationOption({ minMs: 60_000, maxMs: 400 * 86_400_000 })
    .prefault('2d')
    .describe(
      'How long after it was written an object may appear and still be found, wherever its key sorts.',
    ),
  requester_pays: z.boolean().default(false).describe('Pay for requests to a bucket of others.'),
})

const queue = z.strictObject({
  url: address.describe('Address of the SQS queue that S3, SNS or EventBridge notifies.'),
  visibility: durationOption({ minMs: 10_000, maxMs: 12 * 3_600_000 })
    .prefault('5m')
    .describe('How long a message is ours; extended while its objects are read.'),
  wait: durationOption({ minMs: 1_000, maxMs: 20_000 })
    .prefault('20s')
    .describe('How long the queue holds a question that it has no message for.'),
  requester_pays: z.boolean().default(false).describe('Pay for requests to a bucket of others.'),
})

const aws = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z0-9-]{2,40}$/, 'not the name of a region')
    .optional()
    .describe('Unless set: of the queue address, else of AWS_REGION, else us-east-1.'),
  access_key_id: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('A key that stays; with `secret_access_key`.'),
  secret_access_key: secretOption().optional().describe('The secret of `access_key_id`.'),
  session_token: secretOption().optional().describe('The token of a temporary key.'),
  profile: z
    .string()
    .regex(/^[\w.@+ -]{1,128}$/, 'not the name of a profile')
    .optional()
    .describe('A profile of `profile_file` with a key in it.'),
  profile_file: path.optional().describe('Unless set: AWS’ own `~/.aws/credentials`.'),
  role_arn: z
    .string()
    .regex(/^arn:[\w-]+:iam::\d{12}:role\/[\w+=,.@/-]+$/, 'not the ARN of a role')
    .optional()
    .describe('A role to take on with these credentials.'),
  external_id: z.string().min(2).max(1_224).optional().describe('What the role may demand.'),
  endpoint: address
    .optional()
    .describe('Address of the S3 service: MinIO, LocalStack, a VPC endpoint.'),
  sts_endpoint: address.optional().describe('Address of STS, for `role_arn`.'),
  path_style: z
    .boolean()
    .default(false)
    .describe(
      'The bucket stands in the path, not before the host; most servers but AWS want that.',
    ),
  ca_file: path.optional().describe('Authorities to trust besides those of the system, PEM.'),
})

/** Options of the source kind `pull`. */
export const pullOptions = z.strictObject({
  folder: folder.optional().describe('Read the files that are put into a folder.'),
  bucket: bucket.optional().describe('Read the objects of an S3 bucket by listing it.'),
  queue: queue.optional().describe('Read the S3 objects that an SQS queue tells of.'),
  aws: aws.prefault({}).describe('How S3 and SQS are reached.'),
  format: z
    .enum(['auto', 'lines', 'json'])
    .default('auto')
    .describe(
      'How an object is cut: into lines, or JSON values (the elements of a list, or of `Records`). `auto`: ' +
        'its beginning tells. Gzip is recognised.',
    ),
  poll_interval: durationOption({ minMs: 10, maxMs: 86_400_000 })
    .prefault('30s')
    .describe('How often a folder or bucket is listed.'),
  attempts_max: z
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe('After so many attempts an object that is refused becomes a dead letter.'),
  retry_first: durationOption({ minMs: 1_000, maxMs: 3_600_000 })
    .prefault('30s')
    .describe(
      'How long after the first refusal the second attempt comes; each further one waits twice as long, up to an ' +
        'hour (15 minutes for messages of a queue).',
    ),
  objects_at_once: z.int().min(1).max(64).default(4).describe('Most objects read at once.'),
  object_bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 2 ** 40 })
    .prefault('1GiB')
    .describe('Largest object; of a larger one this much is read, and a dead letter says so.'),
  unpacked_bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 2 ** 42 })
    .prefault('16GiB')
    .describe('Most bytes that a compressed object may grow to.'),
  records_max: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(50_000_000)
    .describe('Most records of one object.'),
  record_bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 16 * 2 ** 20 })
    .prefault('1MiB')
    .describe('Longer lines and elements are cut here and rejected, with their true length.'),
  batch_records_max: z
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe('Most records that are delivered at once.'),
  batch_bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 64 * 2 ** 20 })
    .prefault('1MiB')
    .describe('About how many bytes are delivered at once.'),
  objects_remembered_max: z
    .int()
    .min(16)
    .max(1_000_000)
    .default(50_000)
    .describe('How many objects are remembered, so that they are not read again.'),
})

export type PullOptions = z.output<typeof pullOptions>
export type FolderOptions = NonNullable<PullOptions['folder']>
export type BucketOptions = NonNullable<PullOptions['bucket']>
export type QueueOptions = NonNullable<PullOptions['queue']>
export type AwsOptions = PullOptions['aws']
