import { z } from 'zod'
import { durationOption, secretOption, sizeOption } from '../../model/options.ts'
import { clientTlsOption } from '../client-tls.ts'
import { parseTemplate } from './topics.ts'

const address = z
  .string()
  .regex(/^mqtts?:\/\/(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?$/, 'write it as mqtt://host:1883')

export const mqttOptions = z.strictObject({
  broker: address.describe('The broker: `mqtt://host:1883`, or `mqtts://host:8883` for TLS.'),
  further_brokers: z
    .array(address)
    .max(20)
    .default([])
    .describe(
      'Further addresses of the same broker or cluster, tried in turn where one does not answer. Brokers ' +
        'that are to be heard at the same time are sources of their own.',
    ),
  topics: z
    .array(
      z
        .string()
        .max(65_535)
        .refine((text) => parseTemplate(text) !== undefined, 'not a topic filter'),
    )
    .min(1)
    .max(1_000)
    .describe(
      'Topic filters. `{device.id}` or `{iot.site}` stands for a level and names what it holds, as in ' +
        '`fleet/{iot.site}/{device.id}/attest`; `+` and `#` work as usual.',
    ),
  share: z
    .string()
    .regex(/^[^+#/\s]{1,200}$/, 'no +, # or /')
    .optional()
    .describe(
      'Name of a shared subscription (`$share/NAME/…`): several Pickets share the messages.',
    ),
  protocol: z.enum(['3.1.1', '5']).default('5').describe('Version of MQTT.'),
  client_id: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      'Client id; the broker keeps the session under it. `picket-NAME` unless set, where NAME is ' +
        "the source's.",
    ),
  username: z.string().max(65_535).optional().describe('User name.'),
  password: secretOption().optional().describe('Password.'),
  qos: z
    .union([z.literal(0), z.literal(1)])
    .default(1)
    .describe(
      '1: a message is acknowledged once it is durable. 0: what is lost on the way is lost.',
    ),
  session_expiry: durationOption({ maxMs: 365 * 86_400_000 })
    .prefault('1d')
    .describe('How long the broker keeps messages while Picket is away (MQTT 5).'),
  tls: clientTlsOption('For `mqtts://`.'),
  keepalive: durationOption({ minMs: 1_000, maxMs: 65_535_000 })
    .prefault('60s')
    .describe('How often the connection is tried when nothing else is sent.'),
  in_flight_max: z
    .int()
    .min(1)
    .max(65_535)
    .default(2_000)
    .describe('Most messages that wait for their acknowledgement.'),
  message_bytes_max: sizeOption({ minBytes: 128, maxBytes: 64 * 2 ** 20 })
    .prefault('256KiB')
    .describe('Longer payloads are cut here and rejected, with their true length counted.'),
  reconnect_max: durationOption({ minMs: 100, maxMs: 3_600_000 })
    .prefault('30s')
    .describe('Longest wait before the next try to connect; the first is half a second.'),
  answer_reports: z
    .boolean()
    .default(false)
    .describe(
      'Answers AWS IoT Device Defender reports as the service does: what comes on ' +
        '`$aws/things/THING/defender/metrics/json` or `/cbor` is answered on `…/accepted` or `…/rejected` ' +
        'once it is durable.',
    ),
  report_interval_min: durationOption({ maxMs: 86_400_000 })
    .prefault('290s')
    .describe(
      'A report sooner than this after an accepted one of the same thing is answered as throttled; it is ' +
        'kept all the same. The service takes one every 5 minutes; 10 seconds are leeway. `0s`: none is.',
    ),
})

export type MqttOptions = z.output<typeof mqttOptions>
