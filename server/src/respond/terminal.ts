import type { Writable } from 'node:stream'
import { printable } from '../base/printable.ts'
import { SEVERITIES, type AlertRecord, type Severity } from '../model/alert.ts'
import type { AnnouncementKind } from '../state/alerts.ts'
import { writeText } from './json-lines.ts'
import type { Outlet } from './outlet.ts'

export interface TerminalOptions {
  readonly stream: Writable
  /** Colours; only where the stream is a terminal. */
  readonly color: boolean
  readonly severityMin?: Severity
  readonly name?: string
}

/** Alerts for a person at a screen. Those that a planned change explains stay out of sight. */
export function createTerminalOutlet(options: TerminalOptions): Outlet {
  const least = SEVERITIES.indexOf(options.severityMin ?? 'informational')
  return {
    name: options.name ?? 'terminal',
    wants: ({ alert }) =>
      alert.suppressed_by === null && SEVERITIES.indexOf(alert.severity) >= least,
    tell: (pending) => {
      const text = pending.map((one) => renderAlert(one, options.color)).join('')
      return writeText(options.stream, text)
    },
  }
}

const LIST_MAX = 5
const LABEL_WIDTH = 7
const COLORS: Readonly<Record<Severity, string>> = {
  informational: '36',
  low: '34',
  medium: '33',
  high: '31',
  critical: '1;37;41',
}

/** A block of lines that ends in an empty one. Everything from outside is escaped. */
export function renderAlert(
  pending: { readonly alert: AlertRecord; readonly kind: AnnouncementKind | 'shown' },
  color: boolean,
): string {
  const { alert, kind } = pending
  const paint = (code: string, text: string): string =>
    color ? `\u001b[${code}m${text}\u001b[0m` : text
  const badge = paint(COLORS[alert.severity], `[${alert.severity.toUpperCase()}]`)
  const lines = [`${badge} ${paint('1', printable(alert.rule.name))} · ${headline(kind, alert)}`]
  const add = (label: string, text: string): void => {
    lines.push(`  ${paint('2', label.padEnd(LABEL_WIDTH))} ${text}`)
  }
  add('who', valuesOf(groupOf(alert)))
  const long = kind !== 'changed' && kind !== 'ended'
  if (long) {
    if (alert.matched !== undefined) add('why', valuesOf(alert.matched))
  }
  add('seen', seenOf(alert))
  if (long) {
    add('events', eventsOf(alert))
    add('rule', ruleOf(alert))
    for (const [at, step] of (alert.rule.response ?? []).slice(0, LIST_MAX).entries()) {
      add(at === 0 ? 'next' : '', `${at + 1}. ${printable(step, 400)}`)
    }
    const doubts = alert.rule.falsepositives ?? []
    if (doubts.length > 0)
      add(
        'unless',
        doubts
          .slice(0, LIST_MAX)
          .map((d) => printable(d))
          .join('; '),
      )
  }
  add('alert', `${printable(alert.id)}  (picket alert show ${printable(alert.id)})`)
  return `${lines.join('\n')}\n\n`
}

function headline(kind: AnnouncementKind | 'shown', alert: AlertRecord): string {
  switch (kind) {
    case 'opened':
      return alert.state === 'provisional' ? 'opened (provisional)' : 'opened'
    case 'raised':
      return `raised to ${alert.severity}`
    case 'changed':
      return `now ${alert.state}`
    case 'shown':
      return alert.open ? `${alert.state}, open` : alert.state
    case 'ended':
      return `ended (${alert.state})`
  }
}

function groupOf(alert: AlertRecord): Readonly<Record<string, readonly string[]>> {
  const entries = Object.entries(alert.group).map(([field, value]) => [field, [value]] as const)
  return Object.fromEntries(entries)
}

function valuesOf(fields: Readonly<Record<string, readonly string[]>>): string {
  const parts = Object.entries(fields).map(([field, values]) => {
    const shown = values.slice(0, LIST_MAX).map((value) => printable(value, 120))
    const more = values.length > LIST_MAX ? ` +${values.length - LIST_MAX} more` : ''
    return `${printable(field)} = ${shown.join(', ')}${more}`
  })
  return parts.length === 0 ? 'the whole fleet' : parts.join(' · ')
}

function seenOf(alert: AlertRecord): string {
  const hits = `${alert.count} ${alert.count === 1 ? 'hit' : 'hits'}`
  const first = printable(alert.first)
  if (alert.first === alert.last) return `${hits} at ${first}`
  return `${hits} from ${first} to ${printable(alert.last)}${alert.open ? ', still open' : ''}`
}

function eventsOf(alert: AlertRecord): string {
  const shown = alert.events.slice(0, LIST_MAX).map((id) => printable(id))
  const more = alert.eventsTotal > shown.length ? ` +${alert.eventsTotal - shown.length} more` : ''
  return `${shown.join(', ')}${more}`
}

function ruleOf(alert: AlertRecord): string {
  const author = alert.author === '' ? '' : `, by ${printable(alert.author)}`
  return `${printable(alert.rule.id)} (${printable(alert.rule.kind)}${author})`
}
