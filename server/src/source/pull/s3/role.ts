import { AwsV4Signer } from 'aws4fetch'
import type { AwsOptions } from '../options.ts'
import type { Credentials } from './credentials.ts'
import { awsSuffix } from './objects.ts'
import { toServiceFault } from './service-fault.ts'
import { bodyText, exchange } from './wire.ts'
import { childText, readXml } from './xml.ts'
import { PassingFault } from '../faults.ts'

const ANSWER_MAX = 65_536
const TIMEOUT_MS = 30_000

/** STS AssumeRole, for an hour. Rejects with ServiceFault or PassingFault. */
export async function assumeRole(
  base: Credentials,
  of: { options: AwsOptions; region: string; ca: string[] | undefined; datetime: string },
): Promise<Credentials> {
  const { options, region, ca, datetime } = of
  const { role_arn: role = '', external_id: externalId } = options
  const body = new URLSearchParams({
    ...{ Action: 'AssumeRole', Version: '2011-06-15', RoleArn: role },
    ...{ RoleSessionName: 'picket', DurationSeconds: '3600' },
    ...(externalId !== undefined && { ExternalId: externalId }),
  }).toString()
  const { url, headers } = await new AwsV4Signer({
    ...base,
    url: options.sts_endpoint ?? `https://sts.${region}.${awsSuffix(region)}/`,
    ...{ method: 'POST', service: 'sts', region, body, datetime },
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }).sign()
  const answer = await exchange({
    ...{ method: 'POST', url, headers: Object.fromEntries(headers), body },
    ...{ timeoutMs: TIMEOUT_MS, ca },
  })
  if (answer.statusCode !== 200) throw await toServiceFault(answer)
  const root = readXml(await bodyText(answer, ANSWER_MAX))
  const at = (name: string): string | undefined =>
    childText(root, 'AssumeRoleResult', 'Credentials', name)
  const [accessKeyId, secretAccessKey] = [at('AccessKeyId'), at('SecretAccessKey')]
  const [sessionToken, expiresMs] = [at('SessionToken'), Date.parse(at('Expiration') ?? '')]
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) {
    throw new PassingFault('credentials', 'STS gave no credentials')
  }
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken,
    ...(!Number.isNaN(expiresMs) && { expiresMs }),
  }
}
