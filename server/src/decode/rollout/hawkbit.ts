import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { decodeDocuments, eventOf, type ReadDocument } from '../document/json-decoder.ts'
import { compact, numberAt, objectAt, present, textAt, timeAt } from '../document/values.ts'
import { WebAccessDecoder } from '../web-access/web-access.ts'

const FAILED =
  /^(?:ERROR|CANCELED|CANCELING|CANCEL_REJECTED|STOPPED|STOPPING|APPROVAL_DENIED|DELETING)$/i
const DOWNLOADS = /^(?:DOWNLOAD|DOWNLOADED)$/i

/** Events (`RolloutUpdatedEvent`, …), actions and action states, as hawkBit's REST and AMQP write them. */
const read: ReadDocument = (doc, context) => {
  const inner = objectAt(doc, 'entity') ?? objectAt(doc, 'payload') ?? {}
  const all = { ...ANEW, ...inner, ...doc }
  const kind = textAt(all, 'eventType', 'type', '@type', 'class')?.replace(/^.*\./, '')
  const status = textAt(all, 'status', 'actionStatus', 'rolloutStatus')
  const device = textAt(all, 'controllerId', 'targetId', 'thingId', 'target')
  const known =
    kind !== undefined && /(?:Event|^(?:update|cancel|forced|soft|downloadonly))/.test(kind)
  if (!known && (status === undefined || (device === undefined && !isRollout(all))))
    return undefined
  if (kind === 'TargetPollEvent') return 'target-poll'
  const rollout =
    textAt(all, 'rolloutId', 'rollout') ?? (isRollout(all) ? textAt(all, 'id') : undefined)
  const download = DOWNLOADS.test(status ?? '')
  const failed = FAILED.test(status ?? '') || /Stopped|Cancel|Deleted/.test(kind ?? '')
  const action: EventAction = download ? 'firmware-download' : 'config-change'
  return {
    timeMs:
      timeAt(all, 'timestamp', 'time', 'reportedAt', 'lastModifiedAt', 'createdAt') ??
      context.timeMs,
    action,
    doc: compact({
      event: eventOf(
        [download ? 'file' : 'configuration'],
        [download ? 'access' : 'change'],
        failed ? 'failure' : 'success',
        { code: kind ?? `action-${(status ?? 'unknown').toLowerCase()}`, reason: status ?? kind },
      ),
      device: present({ id: device }),
      user: present({ name: textAt(all, 'lastModifiedBy', 'createdBy', 'user', 'initiator') }),
      observer: { vendor: 'Eclipse', product: 'hawkBit' },
      iot: compact({
        firmware: present({
          campaign: rollout,
          version: textAt(all, 'version'),
          image: textAt(all, 'fileName', 'filename', 'distributionSet'),
        }),
        rollout: present({ status, action: numberAt(all, 'actionId') }),
      }),
    }),
  }
}

const isRollout = (doc: EcsDoc): boolean =>
  'totalTargets' in doc || 'rolloutId' in doc || 'totalTargetsPerStatus' in doc

/** JSON of its events, or lines of the access log of its server: the DDI downloads of devices. */
class HawkbitDecoder implements Decoder {
  readonly #access = new WebAccessDecoder('nginx', {})

  decode(item: RawItem, out: DecodeSink): void {
    const first = item.text.trimStart().charCodeAt(0)
    if (first === 123 || first === 91) decodeDocuments(item, out, read, ['content'])
    else this.#access.decode(item, out)
  }

  takeChanges(): readonly StateChange[] {
    return this.#access.takeChanges()
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#access.restore(entries)
  }

  stats(): Readonly<Record<string, number>> {
    return this.#access.stats()
  }
}

export const hawkbit: DecoderSpec = {
  name: 'hawkbit',
  summary:
    'Eclipse hawkBit: rollout and action events as JSON, and the downloads of its access log.',
  create: () => new HawkbitDecoder(),
}
