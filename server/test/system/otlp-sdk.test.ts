/** The listener with the exporters of the OpenTelemetry SDK, and what becomes of what they send. */
import { SpanStatusCode } from '@opentelemetry/api'
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter as JsonSpans } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufSpans } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import type { Source } from '../../src/model/source.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { RecordSink } from '../../src/source/testing/record-sink.ts'

const resource = resourceFromAttributes({ 'service.name': 'gateway', 'device.id': 'gw-7' })
const encodings = [
  { name: 'JSON', Logs: JsonLogs, Spans: JsonSpans },
  { name: 'protobuf', Logs: ProtobufLogs, Spans: ProtobufSpans },
]
const compressions = ['none', 'gzip'] as const

describe.each(encodings)('exporters of the OpenTelemetry SDK in $name', ({ Logs, Spans }) => {
  const undo: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  })

  async function begin(): Promise<{
    sink: RecordSink
    url: string
    headers: Record<string, string>
  }> {
    const port = await freePort()
    const sink = new RecordSink()
    const tokens = { collector: { env: 'OTEL' } }
    const options = sourceKinds.otlp.options.parse({ listen: `127.0.0.1:${port}`, tokens })
    const deps = testDeps('/', { now: () => Date.now() }, new MetricsRegistry())
    const secret = (): Promise<string> => Promise.resolve('secret-of-otel')
    const source: Source = createSource('otlp', options, { ...deps, secret })
    undo.push(() => source.stop())
    await source.start(sink)
    const headers = { authorization: 'Bearer secret-of-otel' }
    return { sink, headers, url: `http://127.0.0.1:${port}` }
  }
  const docs = (sink: RecordSink): unknown[] =>
    sink.texts.map((text) => JSON.parse(text) as unknown)

  test.each(compressions)('log records, compression %s', async (compression) => {
    const { sink, url, headers } = await begin()
    const exporter = new Logs({ url: `${url}/v1/logs`, headers, compression: compression as never })
    const provider = new LoggerProvider({
      resource,
      processors: [new SimpleLogRecordProcessor({ exporter })],
    })
    const logger = provider.getLogger('door', '1.2')
    for (let n = 0; n < 20; n++) {
      logger.emit({
        body: `opened ${n}`,
        severityText: 'WARN',
        attributes: { n, list: ['a', 1.5] },
      })
    }
    await provider.forceFlush()
    await provider.shutdown()
    expect(docs(sink)).toHaveLength(20)
    expect(docs(sink)[7]).toMatchObject({
      ...{ message: 'opened 7', 'log.level': 'WARN', n: 7, list: ['a', 1.5] },
      ...{ 'service.name': 'gateway', 'device.id': 'gw-7', 'otel.scope.name': 'door' },
    })
  })

  test.each(compressions)('spans with events and links, compression %s', async (compression) => {
    const { sink, url, headers } = await begin()
    const exporter = new Spans({
      url: `${url}/v1/traces`,
      headers,
      compression: compression as never,
    })
    const provider = new BasicTracerProvider({
      resource,
      spanProcessors: [new SimpleSpanProcessor(exporter as never)],
    })
    const tracer = provider.getTracer('attest')
    const first = tracer.startSpan('first')
    first.end()
    const links = [{ context: first.spanContext(), attributes: { why: 'retry' } }]
    const span = tracer.startSpan('attest', { links, attributes: { 'iot.site': 'ber' } })
    span.addEvent('quote', { bytes: 128 })
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'bad signature' })
    span.end()
    await provider.forceFlush()
    await provider.shutdown()
    const { traceId, spanId } = span.spanContext()
    const of = { 'trace.id': traceId, 'span.id': spanId, 'device.id': 'gw-7' }
    expect(docs(sink)).toHaveLength(3)
    expect(docs(sink)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...of, message: 'quote', bytes: 128 }),
        expect.objectContaining({
          ...of,
          'span.name': 'attest',
          'event.outcome': 'failure',
          'iot.site': 'ber',
          'otel.links': [
            {
              trace_id: first.spanContext().traceId,
              span_id: first.spanContext().spanId,
              attributes: { why: 'retry' },
            },
          ],
        }),
      ]),
    )
    expect(docs(sink).some((doc) => Reflect.has(doc as object, 'otel.malformed'))).toBe(false)
  })

  test('metrics: counters and histograms', async () => {
    const { sink, url, headers } = await begin()
    const exporter = new OTLPMetricExporter({ url: `${url}/v1/metrics`, headers })
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    const provider = new MeterProvider({ resource, readers: [reader] })
    const meter = provider.getMeter('fleet')
    meter.createCounter('logins', { unit: '1' }).add(3, { outcome: 'failure' })
    const waits = meter.createHistogram('wait')
    waits.record(3)
    waits.record(40)
    await provider.forceFlush()
    await provider.shutdown()
    expect(docs(sink)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          'iot.metric.name': 'logins',
          'iot.metric.value': 3,
          outcome: 'failure',
        }),
        expect.objectContaining({
          'iot.metric.name': 'wait',
          'otel.metric.count': 2,
          'otel.metric.max': 40,
        }),
      ]),
    )
    expect(docs(sink).some((doc) => Reflect.has(doc as object, 'otel.malformed'))).toBe(false)
  })

  test('a full journal: the exporter waits and sends again', async () => {
    const { sink, url, headers } = await begin()
    sink.failures.push('busy')
    const exporter = new Logs({ url: `${url}/v1/logs`, headers })
    const provider = new LoggerProvider({
      resource,
      processors: [new SimpleLogRecordProcessor({ exporter })],
    })
    provider.getLogger('door').emit({ body: 'once' })
    await provider.forceFlush()
    await provider.shutdown()
    expect(sink.texts.map((text) => (JSON.parse(text) as { message: string }).message)).toEqual([
      'once',
    ])
  })
})
