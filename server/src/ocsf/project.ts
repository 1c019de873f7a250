import { VERSION } from '../base/version.ts'
import { EVENT_ACTIONS, type EcsDoc, type EventAction } from '../model/event.ts'
import { BASE, CLASSES_OF, type Filled, type OcsfClass } from './classes.ts'
import { deviceOf, objectOf, type OcsfObject, userOf } from './objects.ts'
import { Taken } from './taken.ts'

/** The version of https://schema.ocsf.io that `toOcsf` writes. */
export const OCSF_VERSION = '1.8.0'

/** ECS `event.outcome` to `status_id`. */
const STATUS: Readonly<Record<string, readonly [number, string]>> = {
  success: [1, 'Success'],
  failure: [2, 'Failure'],
}
/** `log.level` and the words of security products to `severity_id`; all else is informational. */
const SEVERITY: Readonly<Record<string, readonly [number, string]>> = {
  low: [2, 'Low'],
  notice: [2, 'Low'],
  medium: [3, 'Medium'],
  warning: [3, 'Medium'],
  high: [4, 'High'],
  error: [4, 'High'],
  critical: [5, 'Critical'],
}
const INFORMATIONAL = [1, 'Informational'] as const

/**
 * An event as the class of OCSF 1.8 that fits it: of the classes of its action the first whose required
 * attributes it can fill, else a base event. Nothing is lost: what has no attribute there stands in
 * `unmapped` under its ECS name, and the input in `raw_data`.
 */
export function toOcsf(doc: EcsDoc): OcsfObject {
  const action = doc['event'] === undefined ? undefined : actionOf(doc)
  const { taken, ocsfClass, filled } = choose(doc, action ?? 'event')
  const profiles = new Set<string>()
  const shared = around(taken, ocsfClass, filled.fields, profiles)
  const severity = severityOf(taken)
  const outcome = STATUS[String(taken.peek('event.outcome'))]
  const status = outcome && taken.text('event.outcome') !== undefined ? outcome : undefined
  const activity_name = ocsfClass.activities[filled.activity] ?? 'Other'
  const raw_data = taken.text('event.original')
  const message = taken.text('message')
  const metadata = metadataOf(taken, profiles)
  const times = { start_time: taken.instant('event.start'), end_time: taken.instant('event.end') }
  const detail = taken.text('event.reason') ?? taken.text('error.message')
  return objectOf({
    category_uid: ocsfClass.category,
    class_uid: ocsfClass.uid,
    class_name: ocsfClass.name,
    activity_id: filled.activity,
    activity_name,
    type_uid: ocsfClass.uid * 100 + filled.activity,
    type_name: `${ocsfClass.name}: ${activity_name}`,
    time: taken.instant('@timestamp') ?? 0,
    ...times,
    severity_id: severity[0],
    severity: severity[1],
    status_id: status?.[0],
    status: status?.[1],
    status_detail: detail,
    message,
    metadata,
    ...shared,
    ...filled.fields,
    raw_data,
    unmapped: taken.rest(),
  })!
}

function actionOf(doc: EcsDoc): EventAction | undefined {
  const action = new Taken(doc).text('event.action')
  return action !== undefined && Object.hasOwn(EVENT_ACTIONS, action)
    ? (action as EventAction)
    : undefined
}

interface Choice {
  readonly taken: Taken
  readonly ocsfClass: OcsfClass
  readonly filled: Filled
}

function choose(doc: EcsDoc, action: EventAction): Choice {
  for (const ocsfClass of [...CLASSES_OF[action], BASE]) {
    // A class that did not fit may have read fields: each is tried on a slate of its own.
    const taken = new Taken(doc)
    const filled = ocsfClass.fill(taken, action)
    if (filled !== undefined) return { taken, ocsfClass, filled }
  }
  throw new Error('unreachable: a base event requires nothing')
}

/** The attributes of profiles (`host`, `cloud`), which every class here may carry. */
function around(
  taken: Taken,
  ocsfClass: OcsfClass,
  fields: OcsfObject,
  profiles: Set<string>,
): OcsfObject {
  const device = fields['device'] === undefined ? deviceOf(taken) : undefined
  if (device !== undefined) profiles.add('host')
  const hasActor = fields['actor'] !== undefined || fields['user'] !== undefined
  const user = hasActor ? undefined : userOf(taken)
  if (user !== undefined) profiles.add('host')
  const provider = taken.text('cloud.provider')
  const account = taken.text('cloud.account.id')
  const region = taken.text('cloud.region')
  const cloud =
    provider === undefined
      ? undefined
      : objectOf({
          provider,
          region,
          account: account === undefined ? undefined : { uid: account },
        })
  if (cloud !== undefined) profiles.add('cloud')
  return objectOf({ device, actor: user && { user }, cloud }) ?? {}
}

function severityOf(taken: Taken): readonly [number, string] {
  for (const path of ['rule.severity', 'log.level', 'log.syslog.severity.name']) {
    const found = SEVERITY[String(taken.peek(path)).toLowerCase()]
    if (found !== undefined) return found
  }
  return INFORMATIONAL
}

function metadataOf(taken: Taken, profiles: ReadonlySet<string>): OcsfObject | undefined {
  const name = taken.text('observer.product') ?? taken.text('event.module') ?? 'unknown'
  const vendor_name = taken.text('observer.vendor')
  return objectOf({
    version: OCSF_VERSION,
    product: objectOf({ name, vendor_name, version: taken.text('observer.version') }),
    uid: taken.text('event.id'),
    event_code: taken.text('event.code'),
    log_name: taken.text('event.dataset'),
    log_provider: taken.text('event.provider'),
    logged_time: taken.instant('event.created'),
    processed_time: taken.instant('event.ingested'),
    original_time: taken.text('iot.time.claimed'),
    profiles: profiles.size === 0 ? undefined : [...profiles],
    tenant_uid: taken.text('organization.id'),
    loggers: [{ name: 'Picket', version: VERSION }],
  })
}
