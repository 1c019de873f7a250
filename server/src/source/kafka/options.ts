import { z } from 'zod'
import { durationOption, secretOption, sizeOption } from '../../model/options.ts'
import { clientTlsOption } from '../client-tls.ts'

export const kafkaOptions = z.strictObject({
  brokers: z
    .array(z.string().regex(/^(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$/, 'write it as host:9092'))
    .min(1)
    .max(100)
    .describe('Brokers to begin with, `host:9092`; the others are learnt from them.'),
  topics: z
    .array(z.string().regex(/^[a-zA-Z0-9._-]{1,249}$/, 'not the name of a topic'))
    .min(1)
    .max(500)
    .describe('Topics to read.'),
  group: z
    .string()
    .min(1)
    .max(255)
    .default('picket')
    .describe('Consumer group; its offsets are committed once the messages are durable here.'),
  from: z
    .enum(['earliest', 'latest'])
    .default('earliest')
    .describe('Where a group without committed offsets begins.'),
  sasl: z
    .strictObject({
      mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).describe('Mechanism.'),
      username: z
        .string()
        .min(1)
        .max(1_024)
        .describe('User name; `$ConnectionString` for Azure Event Hubs.'),
      password: secretOption().describe('Password; the connection string of Azure Event Hubs.'),
    })
    .optional()
    .describe('Login (SASL).'),
  tls: clientTlsOption('Present, even empty (`tls: {}`): the connection is encrypted.'),
  session_timeout: durationOption({ minMs: 6_000, maxMs: 300_000 })
    .prefault('30s')
    .describe('After so long without a sign of life the partitions go to another member.'),
  message_bytes_max: sizeOption({ minBytes: 128, maxBytes: 64 * 2 ** 20 })
    .prefault('256KiB')
    .describe('Longer messages are cut here and rejected, with their true length counted.'),
  reconnect_max: durationOption({ minMs: 100, maxMs: 3_600_000 })
    .prefault('30s')
    .describe('Longest wait before the next try to connect; the first is half a second.'),
})

export type KafkaOptions = z.output<typeof kafkaOptions>
