import type { EcsDoc } from '../../model/event.ts'
import { eventOf, type ReadDocument } from '../document/json-decoder.ts'
import { compact, listAt, numberAt, objectAt, present, textAt, timeAt } from '../document/values.ts'
import { endpoint } from '../network/endpoint.ts'

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

/** One alert of Wazuh 3 and 4 (`alerts.json`), file integrity included; archives have no rule. */
export const readWazuh: ReadDocument = (doc, context) => {
  const rule = objectAt(doc, 'rule')
  const agent = objectAt(doc, 'agent')
  if (rule === undefined || (agent === undefined && objectAt(doc, 'manager') === undefined)) {
    return undefined
  }
  const level = numberAt(rule, 'level') ?? 0
  const severity = severityOfLevel(level)
  const check = objectAt(doc, 'syscheck')
  const data = objectAt(doc, 'data') ?? {}
  const source = textAt(data, 'srcip', 'src_ip')
  const destination = textAt(data, 'dstip', 'dst_ip', 'dest_ip')
  const user = textAt(data, 'dstuser', 'srcuser', 'user') ?? userOf(check)
  return {
    timeMs: timeAt(doc, 'timestamp', '@timestamp') ?? context.timeMs,
    action: 'audit-finding',
    doc: compact({
      event: eventOf(
        check === undefined ? ['intrusion_detection'] : ['file', 'intrusion_detection'],
        [check === undefined ? 'info' : typeOf(textAt(check, 'event'))],
        'unknown',
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
        ip: textAt(agent ?? {}, 'ip'),
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
