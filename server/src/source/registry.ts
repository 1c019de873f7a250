import type { z } from 'zod'
import type { Source } from '../model/source.ts'
import type { SourceDeps, SourceSpec } from './define.ts'
import { elasticSource } from './elastic/elastic.ts'
import { fileSource } from './file/file.ts'
import { firehoseSource } from './firehose/firehose.ts'
import { flowSource } from './flow/flow.ts'
import { hecSource } from './hec/hec.ts'
import { httpSource } from './http/http.ts'
import { kafkaSource } from './kafka/kafka.ts'
import { mqttSource } from './mqtt/mqtt.ts'
import { otlpSource } from './otlp/otlp.ts'
import { pullSource } from './pull/pull.ts'
import { syslogSource } from './syslog/syslog.ts'

/** Every kind of source that the configuration can name. One line each. */
export const sourceKinds = {
  elastic: elasticSource,
  file: fileSource,
  firehose: firehoseSource,
  flow: flowSource,
  hec: hecSource,
  http: httpSource,
  kafka: kafkaSource,
  mqtt: mqttSource,
  otlp: otlpSource,
  pull: pullSource,
  syslog: syslogSource,
} as const satisfies Readonly<Record<string, SourceSpec>>

export type SourceKind = keyof typeof sourceKinds
export type SourceOptions<Kind extends SourceKind> = z.output<(typeof sourceKinds)[Kind]['options']>

/** Makes a source from options that its schema has passed (the configuration does that). */
export function createSource<Kind extends SourceKind>(
  kind: Kind,
  options: SourceOptions<Kind>,
  deps: SourceDeps,
): Source {
  const spec: SourceSpec = sourceKinds[kind]
  return spec.create(options, deps)
}
