import type { DecoderSpec } from '../../model/decoder.ts'
import { AwsIotDecoder } from './decoder.ts'

const JOIN_SECONDS = 120
const JOIN_SECONDS_MAX = 3_600

function secondsOf(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof seconds === 'number' && seconds >= 0 && seconds <= JOIN_SECONDS_MAX
    ? seconds
    : undefined
}

export const awsIot: DecoderSpec = {
  name: 'aws-iot',
  summary:
    'AWS IoT Core: logs v2, lifecycle, job and registry events, shadow documents and who changed them.',
  documents: true,
  options: {
    join_seconds:
      'How long a shadow update waits for the log entries that name who made it. 120 unless set.',
  },
  check: ({ join_seconds: seconds }) =>
    seconds === undefined || secondsOf(seconds) !== undefined
      ? undefined
      : `join_seconds is a number from 0 to ${JOIN_SECONDS_MAX}`,
  create: (options = {}) =>
    new AwsIotDecoder((secondsOf(options['join_seconds']) ?? JOIN_SECONDS) * 1_000),
}
