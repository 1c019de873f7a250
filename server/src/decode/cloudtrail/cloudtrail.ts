import type { DecodeSink, Decoder, DecoderSpec } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { decodeDelivery, type Teller } from '../document/document-decoder.ts'
import type { Payload } from '../document/payloads.ts'
import { objectAt, textAt } from '../document/values.ts'
import { insightDraft } from './insight.ts'
import { withUsualNames } from './recase.ts'
import { recordDraft } from './record.ts'

/** AWS CloudTrail: files, single records, EventBridge and CloudWatch deliveries. Stateless. */
class CloudTrailDecoder implements Decoder {
  decode(item: RawItem, out: DecodeSink): void {
    decodeDelivery(item, out, read)
  }
}

/** What a record has beside its name; shippers leave the one or the other out. */
const KEYS = ['eventSource', 'userIdentity', 'eventVersion', 'requestParameters'] as const

function read({ value: given, envelope }: Payload, _item: RawItem, tell: Teller): void {
  const value = withUsualNames(given)
  const insight = objectAt(value, 'insightDetails')
  if (textAt(value, 'eventName') !== undefined && KEYS.some((key) => Object.hasOwn(value, key))) {
    tell.event(recordDraft(value, envelope))
  } else if (insight !== undefined && textAt(insight, 'eventName') !== undefined) {
    tell.event(insightDraft(value, insight, envelope))
  } else if (textAt(value, 'digestS3Object') !== undefined) {
    tell.routine('digest')
  } else {
    tell.reject(
      'DECODE_UNKNOWN',
      'A CloudTrail record has eventName and eventSource or userIdentity.',
    )
  }
}

export const cloudtrail: DecoderSpec = {
  name: 'cloudtrail',
  summary: 'AWS CloudTrail: files with Records, or one record a line; every form of identity.',
  documents: true,
  create: () => new CloudTrailDecoder(),
}
