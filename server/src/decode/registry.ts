import type { DecoderSpec } from '../model/decoder.ts'
import { awsDeviceDefender } from './aws-device-defender/aws-device-defender.ts'
import { json } from './json/json.ts'
import { mosquitto } from './mosquitto/mosquitto.ts'
import { suricata } from './suricata/suricata.ts'
import { zeek } from './zeek/zeek.ts'

/** Every decoder, by name. One line each. */
export const decoders: Readonly<Record<string, DecoderSpec>> = {
  'aws-device-defender': awsDeviceDefender,
  json,
  mosquitto,
  suricata,
  zeek,
}
