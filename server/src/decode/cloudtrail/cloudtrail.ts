import type { DecodeSink, Decoder, DecoderSpec } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { decodeDelivery, type Teller } from '../document/document-decoder.ts'
import type { Payload } from '../document/payloads.ts'
import { textAt } from '../document/values.ts'
import { recordDraft } from './record.ts'

/** AWS CloudTrail: files, single records, EventBridge and CloudWatch deliveries. Stateless. */
class CloudTrailDecoder implements Decoder {
  decode(item: RawItem, out: DecodeSink): void {
    decodeDelivery(item, out, read)
  }
}

function read({ value, envelope }: Payload, _item: RawItem, tell: Teller): void {
  if (textAt(value, 'eventName') !== undefined && textAt(value, 'eventSource') !== undefined) {
    tell.event(recordDraft(value, envelope))
  } else if (textAt(value, 'digestS3Object') !== undefined) {
    tell.routine('digest')
  } else {
    tell.reject('DECODE_UNKNOWN', 'A CloudTrail record has eventName and eventSource.')
  }
}

export const cloudtrail: DecoderSpec = {
  name: 'cloudtrail',
  summary: 'AWS CloudTrail: files with Records, or one record a line; every form of identity.',
  documents: true,
  create: () => new CloudTrailDecoder(),
}
