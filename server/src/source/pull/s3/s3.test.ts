import fc from 'fast-check'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SecretRef } from '../../../model/options.ts'
import { testDeps } from '../../testing/file-world.ts'
import { pullOptions } from '../options.ts'
import { AwsClient } from './client.ts'
import { findCredentials, readProfile } from './credentials.ts'
import { readNotice } from './notice.ts'
import { readPage } from './objects.ts'
import { expandPrefix } from './prefixes.ts'
import { queueRegion } from './sqs.ts'
import { bodyText, exchange } from './wire.ts'
import { readXml } from './xml.ts'

describe('answers and notices', () => {
  test('XML: its own entities only, no document type, bounded depth', () => {
    expect(readXml('<a><b>&lt;&#65;&#x42;&amp;</b><c/></a>')?.children[0]?.text).toBe('<AB&')
    for (const text of [
      '<!DOCTYPE a><a/>',
      '<a>&xxe;</a>',
      '<a>&#x110000;</a>',
      '<a><b></a></b>',
      '<a>',
      `${'<a>'.repeat(30)}${'</a>'.repeat(30)}`,
      '<a/>'.repeat(60_000),
    ])
      expect(readXml(text)).toBeUndefined()
  })

  test('any text is read or refused, without a throw', () => {
    const markup = fc.stringMatching(/^[<>/a-c&;#! ="?x1]{0,200}$/)
    fc.assert(
      fc.property(fc.oneof(markup, fc.string()), (text) => {
        readXml(text)
        readPage(text, 'bucket')
        readNotice(text)
      }),
      { numRuns: 500 },
    )
  })

  test('a bucket whose name would lead elsewhere is none', () => {
    const records = (name: string): string =>
      JSON.stringify({
        Records: [
          { eventName: 'ObjectCreated:Put', s3: { bucket: { name }, object: { key: 'k' } } },
        ],
      })
    for (const name of ['localhost:1/x?', 'a@b', '..', 'a/b', 'x#', '']) {
      expect(readNotice(records(name)).kind).toBe('unknown')
      const trail = { s3Bucket: name, s3ObjectKey: ['k'] }
      expect(readNotice(JSON.stringify(trail)).kind).toBe('unknown')
      const detail = { bucket: { name }, object: { key: 'k' } }
      const bridge = { source: 'aws.s3', 'detail-type': 'Object Created', detail }
      expect(readNotice(JSON.stringify(bridge)).kind).toBe('unknown')
    }
    expect(readNotice(records('My_old.bucket-1'))).toMatchObject({ kind: 'objects' })
  })

  test('the region of a queue stands in every form of its address', () => {
    const hosts = [
      'sqs.eu-west-1.amazonaws.com',
      'sqs-fips.eu-west-1.amazonaws.com',
      'vpce-1-a.sqs.eu-west-1.vpce.amazonaws.com',
      'eu-west-1.queue.amazonaws.com',
    ]
    for (const host of hosts) expect(queueRegion(`https://${host}/1/q`)).toBe('eu-west-1')
    expect(queueRegion('http://localhost:4566/1/q')).toBeUndefined()
  })

  test('an answer that does not end is given up', async () => {
    const server = createServer((_, response) => response.write('<ListBucketResult>'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const answer = await exchange({ method: 'GET', url, headers: {}, timeoutMs: 30_000 })
    await expect(bodyText(answer, 100, 50)).rejects.toThrow('did not end in 50 ms')
    server.closeAllConnections()
    server.close()
  })

  test('prefixes with a time stand for the days or hours of the window', () => {
    const from = Date.UTC(2026, 10, 30, 23, 30)
    const to = Date.UTC(2026, 11, 1, 1, 0)
    expect(expandPrefix('l/{yyyy}/{MM}/{dd}/', from, to)).toEqual([
      'l/2026/11/30/',
      'l/2026/12/01/',
    ])
    expect(expandPrefix('{yyyy}{MM}{dd}{HH}', from, to)).toHaveLength(3)
    expect(expandPrefix('l/', from, to)).toEqual(['l/'])
  })
})

describe('credentials', () => {
  const folder = mkdtempSync(join(tmpdir(), 'picket-credentials-'))
  const asked: string[] = []
  let server: Server
  let base = ''
  const expiry = new Date(Date.now() + 3_600_000).toISOString()

  beforeAll(async () => {
    server = createServer((request, response) => {
      const { method, url = '' } = request
      asked.push(`${method} ${url}`)
      const given = {
        AccessKeyId: 'AKFAR',
        SecretAccessKey: 'far',
        Token: 'tok',
        Expiration: expiry,
      }
      if (url === '/latest/api/token') response.end('imds-token')
      else if (url === '/container') {
        response.statusCode = request.headers.authorization === 'ecs-token' ? 200 : 401
        response.end(JSON.stringify(given))
      } else if (method === 'POST') {
        response.end(
          '<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKROLE</AccessKeyId>' +
            `<SecretAccessKey>r</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${expiry}</Expiration>` +
            '</Credentials></AssumeRoleResult></AssumeRoleResponse>',
        )
      } else if (url.startsWith('/latest')) {
        const known = request.headers['x-aws-ec2-metadata-token'] === 'imds-token'
        response.statusCode = known ? 200 : 401
        response.end(url.endsWith('/') ? 'my-role' : JSON.stringify(given))
      } else response.end(request.headers.authorization)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })

  const depsOf = (env: Record<string, string>) => ({
    ...testDeps(folder, { now: () => Date.now() }),
    secret: (ref: SecretRef): Promise<string> => {
      const value = 'env' in ref ? env[ref.env] : undefined
      return value === undefined ? Promise.reject(new Error('not set')) : Promise.resolve(value)
    },
  })
  const find = (aws: object, env: Record<string, string>) =>
    findCredentials(pullOptions.parse({ aws }).aws, depsOf(env))

  test('the first found counts: options, profile, environment, container, instance', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'AKENV', AWS_SECRET_ACCESS_KEY: 'e', OURS: 'o' }
    const own = { access_key_id: 'AKOWN', secret_access_key: { env: 'OURS' } }
    writeFileSync(
      join(folder, 'credentials'),
      '[default]\naws_access_key_id = AKDEF\naws_secret_access_key=d\n[other]\naws_access_key_id=AKOTHER\r\naws_secret_access_key=x\r\n',
    )
    const file = { profile_file: 'credentials' }
    expect(await find(own, env)).toEqual({ accessKeyId: 'AKOWN', secretAccessKey: 'o' })
    expect((await find({ ...file, profile: 'other' }, env)).accessKeyId).toBe('AKOTHER')
    expect((await find(file, env)).accessKeyId).toBe('AKENV')
    expect((await find(file, {})).accessKeyId).toBe('AKDEF')
    const container = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${base}/container`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'ecs-token',
    }
    const far = { accessKeyId: 'AKFAR', secretAccessKey: 'far', sessionToken: 'tok' }
    const expiresMs = Date.parse(expiry)
    expect(await find({}, container)).toEqual({ ...far, expiresMs })
    const instance = { AWS_EC2_METADATA_SERVICE_ENDPOINT: base }
    expect(await find({}, instance)).toEqual({ ...far, expiresMs })
  })

  test('a token of a container goes to no foreign host in the clear; none is said clearly', async () => {
    const env = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://example.com/x',
      AWS_EC2_METADATA_DISABLED: 'true',
    }
    await expect(find({}, env)).rejects.toThrow('no AWS credentials')
    for (const host of ['127.example.com', '169.254.170.example.com', 'localhost.example.com']) {
      const far = { ...env, AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${host}/x` }
      await expect(find({}, far)).rejects.toThrow('no AWS credentials')
    }
    await expect(find({ profile: 'absent' }, env)).rejects.toThrow('the profile absent has no key')
    expect(readProfile('[a]\naws_access_key_id=x', 'a')).toBeUndefined()
  })

  test('a role is taken on with them, and signs', async () => {
    const role_arn = 'arn:aws:iam::123456789012:role/picket'
    const { aws } = pullOptions.parse({
      aws: { role_arn, sts_endpoint: base, access_key_id: 'A', secret_access_key: { env: 'S' } },
    })
    const client = new AwsClient(aws, depsOf({ S: 's' }))
    const answer = await client.call({ service: 's3', url: `${base}/bucket/key` })
    expect(await bodyText(answer, 10_000)).toContain('Credential=AKROLE/')
  })

  test('a file of authorities that comes later is read then', async () => {
    const { aws } = pullOptions.parse({
      aws: { ca_file: 'late.pem', access_key_id: 'A', secret_access_key: { env: 'S' } },
    })
    const client = new AwsClient(aws, depsOf({ S: 's' }))
    const call = () => client.call({ service: 's3', url: `${base}/bucket/key` })
    await expect(call()).rejects.toThrow('aws.ca_file cannot be read: ENOENT')
    writeFileSync(join(folder, 'late.pem'), '')
    expect((await call()).statusCode).toBe(200)
  })
})
