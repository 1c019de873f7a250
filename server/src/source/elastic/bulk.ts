/** One line pair of a bulk request (Elasticsearch's bulk API). */
export interface BulkAction {
  readonly op: 'create' | 'index'
  readonly index: string
  readonly id: string | undefined
  readonly document: string
}

/** An action that is understood but not done here: there are no documents to change. */
export interface BulkRefusal {
  readonly op: 'update' | 'delete'
  readonly index: string
  readonly id: string | undefined
}

export type BulkEntry = BulkAction | BulkRefusal

export type BulkRead =
  | { readonly ok: true; readonly entries: readonly BulkEntry[] }
  | { readonly ok: false; readonly message: string }

const ENTRIES_MAX = 100_000
const NAME_CHARS_MAX = 512

/** Reads action lines and the document lines that follow them. `index` holds where an action has none. */
export function readBulk(text: string, index: string | undefined): BulkRead {
  const entries: BulkEntry[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]?.trim() ?? ''
    if (line === '') continue
    if (entries.length >= ENTRIES_MAX) return wrong(`more than ${ENTRIES_MAX} actions`)
    const action = readAction(line, index)
    if (typeof action === 'string') return wrong(`line [${at + 1}]: ${action}`)
    const { op, ...target } = action
    if (op === 'delete') {
      entries.push({ op, ...target })
      continue
    }
    at += 1
    const document = lines[at]?.trim() ?? ''
    if (document === '') return wrong('The bulk request must be terminated by a newline [\\n]')
    entries.push(op === 'update' ? { op, ...target } : { op, ...target, document })
  }
  return entries.length === 0 ? wrong('request body is required') : { ok: true, entries }
}

function wrong(message: string): BulkRead {
  return { ok: false, message }
}

const OPS = ['create', 'index', 'update', 'delete'] as const

function readAction(
  line: string,
  index: string | undefined,
): { op: (typeof OPS)[number]; index: string; id: string | undefined } | string {
  const parsed = parseObject(line)
  const op = OPS.find((name) => parsed !== undefined && Object.hasOwn(parsed, name))
  if (parsed === undefined || op === undefined) return 'no action of create, index, update, delete'
  const target = parsed[op]
  const given = typeof target === 'object' && target !== null ? target : {}
  const to: unknown = Reflect.get(given, '_index') ?? index
  const id: unknown = Reflect.get(given, '_id')
  if (typeof to !== 'string' || to === '') return 'index is missing'
  if (to.length > NAME_CHARS_MAX) return 'index name is too long'
  const name = typeof id === 'string' || typeof id === 'number' ? String(id) : undefined
  if (name !== undefined && name.length > NAME_CHARS_MAX) return 'id is too long'
  return { op, index: to, id: name }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? (parsed as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
