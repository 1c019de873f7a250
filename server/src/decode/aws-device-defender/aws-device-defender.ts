import type { DecoderSpec } from '../../model/decoder.ts'
import { DeviceDefenderDecoder } from './decoder.ts'

export const awsDeviceDefender: DecoderSpec = {
  name: 'aws-device-defender',
  summary:
    'AWS IoT Device Defender: reports of devices (JSON, CBOR), exported metrics, violations, audits.',
  documents: true,
  create: () => new DeviceDefenderDecoder(),
}
