import type { DecoderSpec } from '../model/decoder.ts'
import { DECODER_ALIASES } from './aliases.ts'
import { awsDeviceDefender } from './aws-device-defender/aws-device-defender.ts'
import { azureIot } from './azure-iot/azure-iot.ts'
import { cloudtrail } from './cloudtrail/cloudtrail.ts'
import { custom, mappingDecoder } from './custom/custom.ts'
import { BUILT_IN } from './custom/generated/built-in.ts'
import { cef, leef } from './firewall/cef.ts'
import { iptables } from './firewall/iptables.ts'
import { pfsense } from './firewall/pfsense.ts'
import { vpcFlow } from './firewall/vpc-flow.ts'
import { awsIot } from './aws-iot/aws-iot.ts'
import { emqx } from './emqx/emqx.ts'
import { reportDecoders } from './reports/reports.ts'
import { hawkbit } from './rollout/hawkbit.ts'
import { mender } from './rollout/mender.ts'
import { apache, nginx, s3Access } from './web-access/web-access.ts'
import { json } from './json/json.ts'
import { mosquitto } from './mosquitto/mosquitto.ts'
import { mqttPcap } from './mqtt-pcap/mqtt-pcap.ts'
import { bind } from './names/bind.ts'
import { dhcpd } from './names/dhcpd.ts'
import { dnsmasq } from './names/dnsmasq.ts'
import { kea } from './names/kea.ts'
import { unbound } from './names/unbound.ts'
import { netflow } from './netflow/netflow.ts'
import { radius } from './radius/radius.ts'
import { syslog } from './syslog/syslog.ts'
import { suricata } from './suricata/suricata.ts'
import { text } from './text/text.ts'
import { zeek } from './zeek/zeek.ts'

/** Every decoder, by name. One line each. */
export const decoders: Readonly<Record<string, DecoderSpec>> = {
  'aws-device-defender': awsDeviceDefender,
  'azure-iot': azureIot,
  cloudtrail,
  apache,
  ...reportDecoders,
  custom,
  emqx,
  hawkbit,
  hivemq: mappingDecoder('hivemq', 'The event.log of HiveMQ.', BUILT_IN.hivemq),
  bind,
  cef,
  dhcpd,
  dnsmasq,
  iptables,
  'aws-iot': awsIot,
  json,
  kea,
  leef,
  mosquitto,
  'mqtt-pcap': mqttPcap,
  pfsense,
  mender,
  nginx,
  's3-access': s3Access,
  netflow,
  radius,
  suricata,
  syslog,
  text,
  'vpc-flow': vpcFlow,
  unbound,
  zeek,
  vernemq: mappingDecoder('vernemq', 'The console log of VerneMQ.', BUILT_IN.vernemq),
}

/** The decoder of a name or of another name of it, in any letters; undefined for what nobody knows. */
export function decoderNamed(name: string): DecoderSpec | undefined {
  if (Object.hasOwn(decoders, name)) return decoders[name]
  const plain = name.toLowerCase().replaceAll(/[_ .]+/g, '-')
  if (Object.hasOwn(decoders, plain)) return decoders[plain]
  const known = Object.hasOwn(DECODER_ALIASES, plain) ? DECODER_ALIASES[plain] : undefined
  return known === undefined ? undefined : decoders[known]
}
