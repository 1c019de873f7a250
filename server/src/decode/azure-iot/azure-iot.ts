import type { DecodeSink, Decoder, DecoderSpec } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { decodeDelivery, type Teller } from '../document/document-decoder.ts'
import type { Payload } from '../document/payloads.ts'
import { textAt } from '../document/values.ts'
import { activityDraft } from './activity.ts'
import { gridDraft, routedDraft } from './notice.ts'
import { resourceDraft } from './resource-log.ts'

/** Azure IoT Hub and what stands around it. Stateless. */
class AzureIotDecoder implements Decoder {
  decode(item: RawItem, out: DecodeSink): void {
    decodeDelivery(item, out, read)
  }
}

function read({ value }: Payload, _item: RawItem, tell: Teller): void {
  if (textAt(value, 'eventType') === 'Microsoft.EventGrid.SubscriptionValidationEvent') {
    tell.routine('subscription-validation')
    return
  }
  const draft =
    activityDraft(value) ?? gridDraft(value) ?? routedDraft(value) ?? resourceDraft(value)
  if (draft !== undefined) tell.event(draft)
  else tell.reject('DECODE_UNKNOWN', 'Azure IoT Hub writes no record of this form.')
}

export const azureIot: DecoderSpec = {
  name: 'azure-iot',
  summary: 'Azure IoT Hub: resource logs, twin and lifecycle events, Event Grid, Activity Log.',
  documents: true,
  create: () => new AzureIotDecoder(),
}
