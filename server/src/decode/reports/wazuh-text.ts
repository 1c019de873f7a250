import type { EcsDoc } from '../../model/event.ts'
import { compact, present } from '../document/values.ts'

/** What begins an alert of `alerts.log`; its other lines follow, and an empty one. */
export const ALERT_START = '** Alert '

/** A longer one is not read. */
export const ALERT_MAX = 1_048_576
const FIELDS_MAX = 20
const HEAD = /^\*\* Alert (\d{1,12}\.\d{1,12}):(?: mail ?)? *- *(.*)$/
const PLACE =
  /^\d{4} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d (?:\((.{1,200}?)\) (\S{1,100}?)|(\S{1,200}?))->(.*)$/
const RULE = /^Rule: (\d{1,10}) \(level (\d{1,2})\) -> '(.*)'$/
const FIELD = /^(Src IP|Src Port|Src Location|Dst IP|Dst Port|Dst Location|User): (.*)$/
const NAMES: Readonly<Record<string, string>> = {
  'Src IP': 'srcip',
  'Src Port': 'srcport',
  'Dst IP': 'dstip',
  'Dst Port': 'dstport',
  User: 'dstuser',
}
/** Requirements of standards, which `alerts.json` has in lists of their own. */
const REQUIREMENT = /^(pci_dss|gdpr|hipaa|nist_800_53|gpg13|tsc)_(.+)$/
const CHECKED =
  /^(?:Integrity checksum changed for: '(.{1,4096})'|File '(.{1,4096}?)' (?:was )?(added|deleted|modified)\b.*)/m
const HASH = /^New (md5|sha1|sha256)sum is : '([0-9a-f]{32,64})'/gm
const SIZE = /^Size changed from '\d{1,20}' to '(\d{1,20})'/m

/**
 * One alert of OSSEC's and Wazuh's `alerts.log` as the document that `alerts.json` would hold of it
 * (https://documentation.wazuh.com/current/user-manual/manager/alert-management.html). The time is that of its
 * number, in UTC; the one on its second line has no zone. Undefined: of another form.
 */
export function alertOfText(text: string): EcsDoc | undefined {
  const lines = text.trimEnd().split(/\r?\n/)
  const head = HEAD.exec(lines[0] ?? '')
  const place = PLACE.exec(lines[1] ?? '')
  const rule = RULE.exec(lines[2] ?? '')
  if (head === null || place === null || rule === null) return undefined
  const [, id = '', words = ''] = head
  const [, agent, ip, manager, location = ''] = place
  const data: EcsDoc = {}
  let at = 3
  for (; at < 3 + FIELDS_MAX; at++) {
    const [, label = '', value = ''] = FIELD.exec(lines[at] ?? '') ?? []
    if (label === '') break
    const name = NAMES[label]
    if (name !== undefined && value !== '' && value !== '(none)') data[name] = value
  }
  const said = lines.slice(at).join('\n')
  const tags = words.split(',').map((word) => word.trim())
  const groups = tags.filter((tag) => tag !== '' && !REQUIREMENT.test(tag))
  return compact({
    // The number behind the dot is a place in the file.
    timestamp: Number(id.slice(0, id.indexOf('.'))) * 1_000,
    id,
    rule: { id: rule[1], level: Number(rule[2]), description: rule[3], groups, ...demanded(tags) },
    agent: agent === undefined ? { id: '000', name: manager } : compact({ name: agent, ip }),
    manager: manager === undefined ? undefined : { name: manager },
    location,
    data: Object.keys(data).length === 0 ? undefined : data,
    full_log: said,
    syscheck: groups.includes('syscheck') ? checkOf(said) : undefined,
  })
}

function demanded(tags: readonly string[]): EcsDoc {
  const lists: Record<string, string[]> = {}
  for (const tag of tags) {
    const [, standard, item] = REQUIREMENT.exec(tag) ?? []
    if (standard !== undefined && item !== undefined) (lists[standard] ??= []).push(item)
  }
  return lists
}

function checkOf(said: string): EcsDoc | undefined {
  const found = CHECKED.exec(said)
  if (found === null) return undefined
  const hashes = [...said.matchAll(HASH)].map(([, kind = '', hash]) => [`${kind}_after`, hash])
  return present({
    path: found[1] ?? found[2],
    event: found[3] ?? 'modified',
    size_after: SIZE.exec(said)?.[1],
    ...Object.fromEntries(hashes),
  })
}
