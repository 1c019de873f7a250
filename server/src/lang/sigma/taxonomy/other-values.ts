import { parseText, type DetectionItem, type SigmaValue } from '../value/value.ts'

/**
 * What an item asks for where Elastic's agents write it with other values, as further items one of
 * which is enough (Winlogbeat's ingest pipelines for Sysmon; its documentation, "Sysmon module").
 * None where an item means one thing everywhere.
 */
export function otherItems(item: DetectionItem): readonly DetectionItem[] {
  if (item.field === 'Initiated') return ofDirection(item)
  return item.field === 'Hashes' || item.field === 'Hash' ? ofHashes(item) : []
}

/** `Initiated` says who opened a connection; the schema says which way it goes. */
const DIRECTIONS: Readonly<Record<string, readonly string[]>> = {
  true: ['egress', 'outbound'],
  false: ['ingress', 'inbound'],
}

function ofDirection(item: DetectionItem): readonly DetectionItem[] {
  const values = item.values.flatMap((value): SigmaValue[] => {
    const text = plainOf(value)?.toLowerCase() ?? ''
    return (DIRECTIONS[text] ?? []).map((each) => parseText(each))
  })
  return values.length === 0 || item.all ? [] : [{ ...item, field: 'network.direction', values }]
}

/** Where each digest of `Hashes: MD5=…,SHA256=…,IMPHASH=…` goes, of processes, files and libraries. */
const DIGESTS: Readonly<Record<string, readonly string[]>> = {
  MD5: ['process.hash.md5', 'file.hash.md5', 'dll.hash.md5'],
  SHA1: ['process.hash.sha1', 'file.hash.sha1', 'dll.hash.sha1'],
  SHA256: ['process.hash.sha256', 'file.hash.sha256', 'dll.hash.sha256'],
  SHA512: ['process.hash.sha512', 'file.hash.sha512', 'dll.hash.sha512'],
  IMPHASH: ['process.pe.imphash', 'file.pe.imphash', 'dll.pe.imphash'],
}
const DIGEST = /^(MD5|SHA1|SHA256|SHA512|IMPHASH)=([0-9a-f]{32,128})$/i

/** Only lists of whole digests, one of which is enough: a part of one says nothing of a field. */
function ofHashes(item: DetectionItem): readonly DetectionItem[] {
  if (item.all && item.values.length > 1) return []
  const found = new Map<string, SigmaValue[]>()
  for (const value of item.values) {
    const parts = DIGEST.exec(plainOf(value) ?? '')
    for (const field of DIGESTS[parts?.[1]?.toUpperCase() ?? ''] ?? []) {
      found.set(field, [...(found.get(field) ?? []), parseText(parts?.[2] ?? '')])
    }
  }
  return [...found].map(([field, values]) => ({ ...item, field, values }))
}

/** The text of a value, without wildcards at its ends. */
function plainOf(value: SigmaValue): string | undefined {
  if (value.kind === 'boolean') return String(value.value)
  if (value.kind !== 'text') return undefined
  const inner = value.parts.filter((part) => typeof part === 'string')
  const [only] = inner
  return inner.length === 1 ? only : undefined
}
