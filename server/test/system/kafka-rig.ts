import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin, type CompressionAlgorithmValue, Producer } from '@platformatic/kafka'
import { freePort } from '../../src/source/testing/free-port.ts'

/** The broker's jars, as .ci/run lets Maven put them there. */
const JARS =
  process.env['PICKET_KAFKA_JARS'] ??
  join(import.meta.dirname, '..', '..', '..', '.cache', 'kafka', 'jars')

export const canRunKafka = existsSync(JARS) && hasJava()

function hasJava(): boolean {
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface BrokerCertificate {
  /** PEM files. */
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** A real broker of Apache Kafka (KRaft, one node) on ports of its own. */
export class KafkaRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'picket-kafka-'))
  readonly port: number
  /** Of the listener with TLS and SASL (user `picket`, password `let me in`). */
  readonly securePort: number
  readonly #controllerPort: number
  readonly #certificate: BrokerCertificate | undefined
  #process?: ChildProcess

  private constructor(ports: readonly number[], certificate: BrokerCertificate | undefined) {
    this.port = ports[0]!
    this.securePort = ports[1]!
    this.#controllerPort = ports[2]!
    this.#certificate = certificate
  }

  static async start(certificate?: BrokerCertificate): Promise<KafkaRig> {
    const ports = [await freePort(), await freePort(), await freePort()]
    const rig = new KafkaRig(ports, certificate)
    rig.#format()
    await rig.run()
    return rig
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  #format(): void {
    const secure = this.#certificate
    const scheme = 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL'
    const own = [
      `PLAINTEXT://127.0.0.1:${this.port}`,
      ...(secure ? [`SECURE://127.0.0.1:${this.securePort}`] : []),
    ].join(',')
    const login =
      'org.apache.kafka.common.security.plain.PlainLoginModule required user_picket="let me in";'
    const lines = [
      'process.roles=broker,controller',
      'node.id=1',
      `controller.quorum.voters=1@127.0.0.1:${this.#controllerPort}`,
      `listeners=${own},CONTROLLER://127.0.0.1:${this.#controllerPort}`,
      `advertised.listeners=${own}`,
      'controller.listener.names=CONTROLLER',
      'inter.broker.listener.name=PLAINTEXT',
      `listener.security.protocol.map=${scheme}`,
      `log.dirs=${join(this.folder, 'log')}`,
      'offsets.topic.replication.factor=1',
      'offsets.topic.num.partitions=1',
      'transaction.state.log.replication.factor=1',
      'transaction.state.log.min.isr=1',
      'group.initial.rebalance.delay.ms=0',
      'group.min.session.timeout.ms=1000',
      'log.retention.check.interval.ms=500',
      'log.segment.delete.delay.ms=100',
      'message.max.bytes=2000000',
      ...(secure
        ? [
            'ssl.keystore.type=PEM',
            `ssl.keystore.location=${this.#keyStore(secure)}`,
            'ssl.truststore.type=PEM',
            `ssl.truststore.location=${secure.ca}`,
            'sasl.enabled.mechanisms=PLAIN',
            `listener.name.secure.plain.sasl.jaas.config=${login}`,
          ]
        : []),
    ]
    writeFileSync(join(this.folder, 'server.properties'), `${lines.join('\n')}\n`)
    this.#java('kafka.tools.StorageTool', ['format', '-t', 'AAAAAAAAAAAAAAAAAAAAAA', '-c'])
  }

  /** Kafka wants key and certificates in one PEM file. */
  #keyStore({ cert, key }: BrokerCertificate): string {
    const path = join(this.folder, 'keystore.pem')
    writeFileSync(path, execFileSync('cat', [key, cert]))
    return path
  }

  #java(main: string, args: readonly string[]): void {
    const config = join(this.folder, 'server.properties')
    execFileSync('java', ['-cp', `${JARS}/*`, main, ...args, config], { stdio: 'pipe' })
  }

  async run(): Promise<void> {
    const config = join(this.folder, 'server.properties')
    const options = ['-Xmx384m', '-XX:+UseSerialGC', '-cp', `${JARS}/*`, 'kafka.Kafka', config]
    this.#process = spawn('java', options, { stdio: 'ignore' })
    await this.#untilItAnswers()
  }

  async #untilItAnswers(): Promise<void> {
    for (let turn = 0; turn < 150; turn += 1) {
      if (this.#process?.exitCode !== null) break
      const admin = this.#admin()
      const topics = await admin.listTopics().catch(() => undefined)
      await admin.close()
      if (topics !== undefined) return
      await new Promise((wake) => setTimeout(wake, 200))
    }
    throw new Error('the broker did not come up')
  }

  #admin(): Admin {
    return new Admin({ clientId: 'rig', bootstrapBrokers: [this.address], retries: 0 })
  }

  async #asAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.#admin()
    try {
      return await work(admin)
    } finally {
      await admin.close()
    }
  }

  async createTopic(name: string, partitions = 1, configs: Record<string, string> = {}) {
    const asked = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
    await this.#asAdmin((admin) =>
      admin.createTopics({ topics: [name], partitions, replicas: 1, configs: asked }),
    )
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#asAdmin((admin) => admin.deleteTopics({ topics: [name] }))
  }

  /** What retention does: the oldest messages go, up to an offset. */
  async forget(topic: string, before: bigint): Promise<void> {
    const partitions = [{ partition: 0, offset: before }]
    await this.#asAdmin((admin) => admin.deleteRecords({ topics: [{ name: topic, partitions }] }))
  }

  /** Sends texts; `partition` keeps them in order. */
  async produce(
    topic: string,
    texts: readonly (string | null)[],
    options: { partition?: number; compression?: CompressionAlgorithmValue } = {},
  ): Promise<void> {
    const { partition = 0, compression = 'none' } = options
    const producer = new Producer({ clientId: 'rig', bootstrapBrokers: [this.address], retries: 3 })
    const messages = texts.map((text) => ({
      topic,
      partition,
      key: Buffer.from('k'),
      // A tombstone has no value.
      value: (text === null ? undefined : Buffer.from(text)) as Buffer,
    }))
    for (let from = 0; from < messages.length; from += 1_000) {
      await producer.send({ messages: messages.slice(from, from + 1_000), compression, acks: -1 })
    }
    await producer.close()
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const running = this.#process
    if (running === undefined || running.exitCode !== null) return
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill(signal)
    await ended
  }

  async end(): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}
