/** One element of an answer; attributes are of no use here. */
export interface XmlElement {
  readonly name: string
  text: string
  readonly children: XmlElement[]
}

const ELEMENTS_MAX = 50_000
const DEPTH_MAX = 16
const NAMED = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])

/**
 * Reads the XML that S3 and STS answer with: elements and text. Document types, and with them entities
 * of their own, are refused. Undefined where it is none of that, or larger than its limits.
 */
export function readXml(text: string): XmlElement | undefined {
  const root: XmlElement = { name: '', text: '', children: [] }
  const open: XmlElement[] = [root]
  let count = 0
  let at = 0
  while (at < text.length) {
    const tag = text.indexOf('<', at)
    const here = open.at(-1)
    if (here === undefined) return undefined
    const between = resolve(text.slice(at, tag < 0 ? text.length : tag))
    if (between === undefined) return undefined
    here.text += between
    if (tag < 0) break
    const end = text.indexOf('>', tag)
    if (end < 0 || text.startsWith('<!', tag)) return undefined
    at = end + 1
    if (text.startsWith('<?', tag)) continue
    if (text.startsWith('</', tag)) {
      if (open.length < 2 || here.name !== text.slice(tag + 2, end).trim()) return undefined
      open.pop()
      continue
    }
    const isEmpty = text.charAt(end - 1) === '/'
    const inner = text.slice(tag + 1, isEmpty ? end - 1 : end)
    const [name = ''] = inner.split(/\s/, 1)
    const element: XmlElement = { name, text: '', children: [] }
    here.children.push(element)
    count += 1
    if (count > ELEMENTS_MAX || open.length > DEPTH_MAX) return undefined
    if (!isEmpty) open.push(element)
  }
  return open.length === 1 ? root.children[0] : undefined
}

export function childText(element: XmlElement | undefined, ...path: string[]): string | undefined {
  let here = element
  for (const name of path) here = here?.children.find((child) => child.name === name)
  return here?.text
}

/** Undefined where an entity is none of XML's own. */
function resolve(text: string): string | undefined {
  if (!text.includes('&')) return text
  let isKnown = true
  const resolved = text.replace(/&([^;&]{0,12})(;?)/g, (_, name: string, end: string) => {
    const value = end === '' ? undefined : (NAMED.get(name) ?? numeric(name))
    if (value === undefined) isKnown = false
    return value ?? ''
  })
  return isKnown ? resolved : undefined
}

function numeric(name: string): string | undefined {
  const [, hex, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name) ?? []
  const code = hex === undefined ? Number(decimal ?? Number.NaN) : Number.parseInt(hex, 16)
  return code <= 0x10_ffff ? String.fromCodePoint(code) : undefined
}
