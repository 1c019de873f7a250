import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { connect as tcpConnect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, MqttClient } from 'mqtt'
import { freePort } from '../../src/source/testing/free-port.ts'

/**
 * The brokers to test with: Debian's, and further ones whose binaries PICKET_MOSQUITTO names, separated
 * by colons.
 */
export function findBrokers(): string[] {
  const extra = (process.env['PICKET_MOSQUITTO'] ?? '').split(':').filter((path) => path !== '')
  return ['/usr/sbin/mosquitto', ...extra].filter((path) => existsSync(path))
}

export function versionOf(binary: string): string {
  try {
    return /version (\S+)/.exec(execFileSync(binary, ['-h'], { encoding: 'utf8' }))?.[1] ?? '?'
  } catch (error) {
    // Its help ends with an exit code of its own.
    const { stdout } = error as { stdout?: string }
    return /version (\S+)/.exec(stdout ?? '')?.[1] ?? '?'
  }
}

const USERS = { 'sensor-001': 'right-1', 'sensor-002': 'right-2' } as const

export interface RigOptions {
  readonly tlsPort?: number
  /** No access list, no passwords; over TLS the user is the certificate's common name. */
  readonly isOpen?: boolean
  /** Further settings, before the listeners and behind them. */
  readonly more?: readonly string[]
  readonly last?: readonly string[]
}

/** A Mosquitto with a password file, an access list and a TLS listener, and its log. */
export class MosquittoRig {
  readonly folder: string
  readonly log: string
  port = 0
  tlsPort = 0
  #broker: ChildProcess | undefined
  #binary = ''
  readonly #clients = new Set<MqttClient>()

  private constructor(folder: string) {
    this.folder = folder
    this.log = join(folder, 'mosquitto.log')
  }

  static async start(
    binary: string,
    stamps: 'iso' | 'epoch',
    over: RigOptions = {},
  ): Promise<MosquittoRig> {
    const rig = new MosquittoRig(await mkdtemp(join(tmpdir(), 'picket-mosquitto-')))
    rig.port = await freePort()
    rig.tlsPort = over.tlsPort ?? (await freePort())
    rig.#makeCertificates()
    const passwords = rig.path('passwords')
    await writeFile(passwords, '', { mode: 0o600 })
    for (const [user, password] of Object.entries(USERS)) {
      execFileSync('mosquitto_passwd', ['-b', passwords, user, password])
    }
    await writeFile(
      rig.path('acl'),
      'user sensor-001\ntopic readwrite devices/one/#\nuser sensor-002\ntopic devices/two/#\n',
      { mode: 0o600 },
    )
    await writeFile(rig.path('mosquitto.conf'), rig.#settings(stamps, over))
    rig.#binary = binary
    await rig.#run()
    return rig
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Connects, over TCP from an address of choice; the error's text where the broker refuses. */
  async connect(options: IClientOptions, from?: string): Promise<MqttClient | string> {
    const given = { reconnectPeriod: 0, connectTimeout: 5_000, ...options }
    const client =
      from === undefined
        ? mqtt.connect({ host: '127.0.0.1', port: this.port, ...given })
        : new MqttClient(() => this.#socketFrom(from), given)
    this.#clients.add(client)
    client.on('error', () => undefined)
    return new Promise((resolve) => {
      client.once('connect', () => resolve(client))
      client.once('error', (error) => resolve(error.message))
      client.once('close', () => resolve('closed'))
    })
  }

  #socketFrom(localAddress: string): Socket {
    return tcpConnect({ host: '127.0.0.1', port: this.port, localAddress })
  }

  /** A TCP connection that says this and hangs up. */
  async babble(port: number, bytes: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const socket = tcpConnect(port, '127.0.0.1', () => socket.end(bytes))
      socket.on('error', () => resolve()).on('close', () => resolve())
      socket.resume()
    })
  }

  async tlsOptions(client: string | undefined): Promise<IClientOptions> {
    const own =
      client === undefined
        ? {}
        : {
            cert: await readFile(this.path(`${client}.crt`)),
            key: await readFile(this.path(`${client}.key`)),
          }
    const ca = await readFile(this.path('ca.crt'))
    return { protocol: 'mqtts', port: this.tlsPort, ca, rejectUnauthorized: false, ...own }
  }

  /** As logrotate does it: rename, then tell the broker to open its log again. */
  async rotate(): Promise<void> {
    await rename(this.log, `${this.log}.1`)
    this.#broker?.kill('SIGHUP')
  }

  /** Ends the broker in order and starts it again, with what it saved. */
  async restart(): Promise<void> {
    await this.#end()
    await this.#run()
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.end(true)
    await this.#end()
    await rm(this.folder, { recursive: true, force: true })
  }

  async #run(): Promise<void> {
    const file = this.path('mosquitto.conf')
    this.#broker = spawn(this.#binary, ['-c', file], { stdio: 'ignore', cwd: this.folder })
    await this.#answers()
  }

  async #end(): Promise<void> {
    const broker = this.#broker
    if (broker === undefined || broker.exitCode !== null) return
    const exited = new Promise((resolve) => broker.once('exit', resolve))
    broker.kill('SIGTERM')
    await exited
  }

  #settings(stamps: 'iso' | 'epoch', over: RigOptions): string {
    return [
      ...(process.getuid?.() === 0 ? ['user root'] : []),
      ...(over.more ?? []),
      `allow_anonymous ${over.isOpen === true}`,
      `password_file ${this.path('passwords')}`,
      ...(over.isOpen === true ? [] : [`acl_file ${this.path('acl')}`]),
      `log_dest file ${this.log}`,
      'log_type all',
      'connection_messages true',
      'max_inflight_messages 2000',
      'max_queued_messages 100000',
      ...(stamps === 'iso' ? ['log_timestamp_format %Y-%m-%dT%H:%M:%S'] : []),
      `listener ${this.port} 127.0.0.1`,
      `listener ${this.tlsPort} 127.0.0.1`,
      `cafile ${this.path('ca.crt')}`,
      `certfile ${this.path('server.crt')}`,
      `keyfile ${this.path('server.key')}`,
      'require_certificate true',
      ...(over.isOpen === true ? ['use_identity_as_username true'] : []),
      ...(over.last ?? []),
      '',
    ].join('\n')
  }

  #makeCertificates(): void {
    const openssl = (...args: string[]): void => {
      execFileSync('openssl', args, { cwd: this.folder, stdio: 'ignore' })
    }
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    for (const authority of ['ca', 'rogue']) {
      const out = ['-keyout', `${authority}.key`, '-out', `${authority}.crt`]
      openssl('req', '-x509', ...key, ...out, '-days', '2', '-subj', `/CN=${authority}`)
    }
    writeFileSync(this.path('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1')
    const signed: [string, string][] = [
      ['server', 'ca'],
      ['device', 'ca'],
      ['stranger', 'rogue'],
    ]
    for (const [name, by] of signed) {
      const out = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
      openssl('req', ...key, ...out, '-subj', `/CN=${name === 'server' ? 'localhost' : name}`)
      const sign = ['-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', '2']
      const names = ['-extfile', 'names']
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...sign, ...names)
    }
  }

  async #answers(): Promise<void> {
    for (let turn = 0; turn < 500; turn++) {
      if (this.#broker?.exitCode !== null) break
      const isUp = await new Promise<boolean>((resolve) => {
        const socket = tcpConnect(this.port, '127.0.0.1', () => {
          socket.destroy()
          resolve(true)
        })
        socket.on('error', () => resolve(false))
      })
      if (isUp) return
      await new Promise((wake) => setTimeout(wake, 10))
    }
    throw new Error('the broker did not come up')
  }
}
