import type { DecoderSpec } from '../../model/decoder.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { syslog } from '../syslog/syslog.ts'
import { readFilterlog } from './filterlog.ts'

export const pfsense: DecoderSpec = {
  name: 'pfsense',
  summary: 'filterlog of pfSense and OPNsense, and the other programs in their syslog.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => {
    const system = syslog.create(options)
    return new LineDecoder((message, frame, out, item) => {
      readFilterlog(message, frame, out, () => system.decode(item, out))
    }, options)
  },
}
