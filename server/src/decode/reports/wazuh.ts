import type { DecodeSink, Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { decodeDocuments, eventOf, type ReadDocument } from '../document/json-decoder.ts'
import { plainIp } from '../mosquitto/address.ts'
import {
  asText,
  compact,
  isObject,
  listAt,
  numberAt,
  objectAt,
  present,
  textAt,
  timeAt,
} from '../document/values.ts'
import { endpoint } from '../network/endpoint.ts'
import { ALERT_MAX, ALERT_START, alertOfText } from './wazuh-text.ts'

/** Severity on the scale of alerts, from Wazuh's rule level 0 to 15. */
export function severityOfLevel(level: number): string {
  if (level >= 15) return 'critical'
  if (level >= 12) return 'high'
  if (level >= 7) return 'medium'
  return level >= 4 ? 'low' : 'informational'
}

const RANKS: Readonly<Record<string, number>> = {
  informational: 1,
  low: 2,
  medium: 3,
  high: 4,
  critical: 5,
}

/** `event.severity` as a number, as OCSF counts it: 1 informational to 5 critical. */
export const severityRank = (name: string): number | undefined => RANKS[name]

/** An alert as JSON, or as the lines of `alerts.log` together. */
export function decodeWazuh(item: RawItem, out: DecodeSink): void {
  if (!item.text.startsWith(ALERT_START)) {
    if (item.text.trim() === '') out.routine('blank')
    else decodeDocuments(item, out, readWazuh)
    return
  }
  if (item.text.length > ALERT_MAX) {
    out.reject('DECODE_TOO_LONG', `${item.text.length} characters, at most ${ALERT_MAX}.`)
    return
  }
  const doc = alertOfText(item.text)
  const told = doc && readWazuh(doc, { item, topic: undefined, timeMs: undefined })
  if (isObject(told)) out.event(told as unknown as Draft)
  else out.reject('DECODE_SYNTAX', 'The first lines of an alert of alerts.log are not there.')
}

/** One alert of Wazuh 3 and 4 (`alerts.json`), file integrity included; archives have no rule. */
const readWazuh: ReadDocument = (doc, context) => {
  const rule = objectAt(doc, 'rule')
  const agent = objectAt(doc, 'agent')
  if (rule === undefined || (agent === undefined && objectAt(doc, 'manager') === undefined)) {
    return undefined
  }
  const level = numberAt(rule, 'level') ?? 0
  const severity = severityOfLevel(level)
  const check = objectAt(doc, 'syscheck')
  const data = objectAt(doc, 'data') ?? {}
  const windows = objectAt(objectAt(data, 'win') ?? {}, 'eventdata') ?? {}
  const cloud = objectAt(data, 'aws') ?? {}
  const source = addressIn(
    textAt(data, 'srcip', 'src_ip'),
    textAt(windows, 'ipAddress'),
    textAt(cloud, 'sourceIPAddress', 'source_ip_address'),
  )
  const destination = textAt(data, 'dstip', 'dst_ip', 'dest_ip')
  const user =
    textAt(data, 'dstuser', 'srcuser', 'user') ??
    textAt(windows, 'targetUserName', 'user') ??
    textAt(objectAt(cloud, 'userIdentity') ?? {}, 'userName') ??
    userOf(check)
  const groups = (listAt(rule, 'groups') ?? []).map(String)
  const login = groups.find((group) => /authentication_(?:fail|success)|invalid_login/.test(group))
  return {
    timeMs: timeAt(doc, 'timestamp', '@timestamp') ?? context.timeMs,
    action: 'audit-finding',
    doc: compact({
      event: eventOf(
        check === undefined
          ? ['intrusion_detection', ...(login === undefined ? [] : ['authentication'])]
          : ['file', 'intrusion_detection'],
        [check === undefined ? 'info' : typeOf(textAt(check, 'event'))],
        outcomeOf(login, data),
        {
          kind: 'alert',
          code: textAt(rule, 'id'),
          reason: textAt(rule, 'description'),
          severity: severityRank(severity),
          reference: textAt(doc, 'id'),
        },
      ),
      rule: compact({
        id: textAt(rule, 'id'),
        name: textAt(rule, 'description'),
        category: listAt(rule, 'groups')?.join(', '),
        ruleset: 'wazuh',
      }),
      threat: threatOf(objectAt(rule, 'mitre')),
      log: { level: severity },
      device: present({ id: textAt(agent ?? {}, 'name', 'id') }),
      host: present({
        id: textAt(agent ?? {}, 'id'),
        name: textAt(agent ?? {}, 'name'),
        ip: plainIp(textAt(agent ?? {}, 'ip') ?? ''),
      }),
      observer: compact({
        vendor: 'Wazuh',
        product: 'Wazuh',
        name: textAt(objectAt(doc, 'manager') ?? {}, 'name'),
      }),
      source:
        source === undefined
          ? undefined
          : endpoint({ address: source, port: numberAt(data, 'srcport') }),
      destination: destination === undefined ? undefined : endpoint({ address: destination }),
      user: user === undefined ? undefined : { name: user },
      vulnerability: vulnerabilityOf(objectAt(data, 'vulnerability')),
      file: check === undefined ? undefined : fileOf(check),
      process: present({
        name: textAt(processOf(check), 'name'),
        pid: numberAt(processOf(check), 'id'),
      }),
      message: textAt(doc, 'full_log'),
      wazuh: compact({
        level,
        groups: listAt(rule, 'groups'),
        location: textAt(doc, 'location'),
        decoder: textAt(objectAt(doc, 'decoder') ?? {}, 'name'),
        firedtimes: numberAt(rule, 'firedtimes'),
        compliance: present({
          gdpr: rule['gdpr'],
          hipaa: rule['hipaa'],
          pci_dss: rule['pci_dss'],
          nist_800_53: rule['nist_800_53'],
        }),
        syscheck: check,
        data: objectAt(doc, 'data'),
      }),
    }),
  }
}

/** `-`, `any` and names are no address. */
const addressIn = (...texts: readonly (string | undefined)[]): string | undefined =>
  texts.find((text) => text !== undefined && plainIp(text) !== undefined) ??
  texts.find((text) => text !== undefined && text !== '-')

/** Of a login that the alert is about, or of a check of the configuration (SCA). */
function outcomeOf(login: string | undefined, data: EcsDoc): 'success' | 'failure' | 'unknown' {
  if (login !== undefined) return login.includes('success') ? 'success' : 'failure'
  const check = objectAt(objectAt(data, 'sca') ?? {}, 'check')
  const result = check === undefined ? undefined : textAt(check, 'result')
  return result === 'failed' ? 'failure' : result === 'passed' ? 'success' : 'unknown'
}

/** A finding of the vulnerability detector, versions 3 and 4. */
function vulnerabilityOf(found: EcsDoc | undefined): EcsDoc | undefined {
  if (found === undefined) return undefined
  return present({
    id: textAt(found, 'cve'),
    description: textAt(found, 'title'),
    severity: textAt(found, 'severity'),
    reference: textAt(found, 'reference') ?? asText(listAt(found, 'references')?.[0]),
    enumeration: 'CVE',
  })
}

const typeOf = (event: string | undefined): string =>
  event === 'added' ? 'creation' : event === 'deleted' ? 'deletion' : 'change'

const auditOf = (check: EcsDoc | undefined): EcsDoc => objectAt(check ?? {}, 'audit') ?? {}
const processOf = (check: EcsDoc | undefined): EcsDoc => objectAt(auditOf(check), 'process') ?? {}

function userOf(check: EcsDoc | undefined): string | undefined {
  const audit = auditOf(check)
  return textAt(objectAt(audit, 'login_user') ?? objectAt(audit, 'user') ?? {}, 'name')
}

function fileOf(check: EcsDoc): EcsDoc {
  const path = textAt(check, 'path')
  return compact({
    path,
    name: path?.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1),
    size: numberAt(check, 'size_after'),
    owner: textAt(check, 'uname_after'),
    hash: present({
      md5: textAt(check, 'md5_after'),
      sha1: textAt(check, 'sha1_after'),
      sha256: textAt(check, 'sha256_after'),
    }),
  })
}

function threatOf(mitre: EcsDoc | undefined): EcsDoc | undefined {
  if (mitre === undefined) return undefined
  return present({
    framework: 'MITRE ATT&CK',
    technique: present({ id: mitre['id'], name: mitre['technique'] }),
    tactic: present({ name: mitre['tactic'] }),
  })
}
