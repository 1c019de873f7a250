import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A self-signed certificate for tests, so that they need no tool and no file. */
export function makeCertificate(
  fromMs: number,
  toMs: number,
): { readonly pem: string; readonly key: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  // sha256WithRSAEncryption, RFC 4055
  const algorithm = der(0x30, Buffer.from('06092a864886f70d01010b0500', 'hex'))
  const common = der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('test')))
  const name = der(0x30, der(0x31, common))
  const body = der(
    0x30,
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    der(0x30, time(fromMs), time(toMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = sign('sha256', body, privateKey)
  const whole = der(0x30, body, algorithm, der(0x03, Buffer.from([0]), signature))
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n')
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey,
  }
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)
  return der(0x18, Buffer.from(`${digits}Z`))
}

/** One value of ASN.1 with its tag and length. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content])
  const bytes = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...bytes]), content])
}
