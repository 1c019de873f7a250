import type { DecoderSpec } from '../../model/decoder.ts'
import { parseZone } from '../line/zone.ts'
import { MosquittoDecoder } from './decoder.ts'

const utc = (): number => 0

export const mosquitto: DecoderSpec = {
  name: 'mosquitto',
  summary:
    'The log of Eclipse Mosquitto 1.4 to 2.1, also inside Docker, syslog and journald lines.',
  options: {
    zone: 'Zone of time stamps that name none: UTC, +02:00 or Europe/Berlin. UTC unless set.',
    month_first: 'true: 03/04/2026 is 4 March.',
  },
  create: (options = {}) => {
    const { zone = 'UTC', month_first: monthFirst = false } = options
    return new MosquittoDecoder({
      zone: (typeof zone === 'string' ? parseZone(zone) : undefined) ?? utc,
      monthFirst: monthFirst === true || monthFirst === 'true',
    })
  },
  check: ({ zone }) =>
    zone === undefined || (typeof zone === 'string' && parseZone(zone) !== undefined)
      ? undefined
      : `${String(zone)} is no time zone`,
}
