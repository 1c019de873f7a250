/** Real peers of the source `pull`: an S3 gateway that checks signatures, and a server of S3 and SQS that notifies. */
import { AwsV4Signer } from 'aws4fetch'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/source/testing/free-port.ts'

const CACHE = join(import.meta.dirname, '..', '..', '..', '.cache')
const GATEWAY = process.env['PICKET_VERSITYGW'] ?? join(CACHE, 'bin', 'versitygw')
const MOTO = process.env['PICKET_MOTO'] ?? join(CACHE, 'moto')
export const ACCESS = { accessKeyId: 'picketkey', secretAccessKey: 'picketsecretpicketsecret' }

export const hasGateway = existsSync(GATEWAY)
export const hasMoto = existsSync(join(MOTO, 'moto'))

export class S3Peer {
  readonly url: string
  readonly #process: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#process = child
  }

  /** versitygw (Apache-2.0) over a folder. */
  static async gateway(folder: string): Promise<S3Peer> {
    mkdirSync(join(folder, 'data'), { recursive: true })
    const port = await freePort()
    const { accessKeyId, secretAccessKey } = ACCESS
    const keys = ['--access', accessKeyId, '--secret', secretAccessKey]
    const args = ['--port', `127.0.0.1:${port}`, ...keys, '--region', 'us-east-1', '--quiet']
    const child = spawn(GATEWAY, [...args, 'posix', join(folder, 'data')], { stdio: 'ignore' })
    return S3Peer.#up(port, child)
  }

  /** moto (Apache-2.0): S3 that tells SQS. */
  static async moto(): Promise<S3Peer> {
    const port = await freePort()
    const child = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
      env: { ...process.env, PYTHONPATH: MOTO },
    })
    return S3Peer.#up(port, child)
  }

  static async #up(port: number, child: ChildProcess): Promise<S3Peer> {
    const peer = new S3Peer(`http://127.0.0.1:${port}`, child)
    for (let left = 300; left > 0; left--) {
      const answer = await fetch(peer.url).catch(() => undefined)
      if (answer !== undefined) return peer
      if (child.exitCode !== null) break
      await sleep(100)
    }
    peer.end()
    throw new Error('the S3 server did not start')
  }

  async put(path: string, body: string | Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#send('s3', 'PUT', path, body)
  }

  async delete(path: string): Promise<void> {
    await this.#send('s3', 'DELETE', path)
  }

  async sqs(action: string, fields: object): Promise<Record<string, unknown>> {
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `AmazonSQS.${action}`,
    }
    const text = await this.#send('sqs', 'POST', '/', JSON.stringify(fields), headers)
    return JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>
  }

  end(): void {
    this.#process.kill('SIGKILL')
  }

  async #send(
    service: string,
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> = '',
    headers: Record<string, string> = {},
  ): Promise<string> {
    const signer = new AwsV4Signer({
      ...ACCESS,
      ...{ url: `${this.url}${path}`, method, service, region: 'us-east-1', headers },
      ...(body.length > 0 && { body }),
    })
    const signed = await signer.sign()
    const content = body.length > 0 ? { body } : {}
    const answer = await fetch(signed.url, { method, headers: signed.headers, ...content })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 300)}`)
    return text
  }
}
