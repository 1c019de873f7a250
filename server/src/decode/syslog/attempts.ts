import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import { isObject, objectAt, textAt } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import type { Told } from '../network/told.ts'
import type { Header } from './header.ts'

const CONNECTIONS_MAX = 10_000
/** sshd's LoginGraceTime is two minutes; behind this a process id is another connection's. */
const KEPT_MS = 600_000

/** Lines that come before the one that says how an attempt ended, if that one comes at all. */
const ANNOUNCING: ReadonlySet<string> = new Set(['invalid-user', 'not-allowed'])
/** Lines about the end of a connection that was not let in. */
const CLOSING: ReadonlySet<string> = new Set([
  'too-many-attempts',
  'closed-unauthenticated',
  'closed-before-login',
  'timeout',
])

/** Programs that serve each connection with a process of its own, and tell of it so. */
const PROGRAM = /(?:^|\/)(?:sshd(?:-session|-auth)?|dropbear)$/

interface Connection {
  readonly atMs: number
  readonly ip?: string | undefined
  /** A line before told of an attempt whose own line may still come. */
  readonly announced: boolean
}

/**
 * One failure per attempt. sshd tells of one attempt in up to three lines (`Invalid user`, `Failed
 * password`, `Connection closed by invalid user`), of which a log may hold any; the first is the failure,
 * what the same connection says of the same attempt is `unknown`. A connection is the process that
 * serves it; without a process id each line counts.
 */
export class Attempts {
  readonly connections = new KeptMap<Connection>('l:', CONNECTIONS_MAX, undefined, revived)

  judge(told: Told, header: Header, receivedMs: number): Told {
    const { program, pid } = header
    if (told.action !== 'user-login' || pid === undefined || !PROGRAM.test(program ?? ''))
      return told
    const event = objectAt(told.doc, 'event') ?? {}
    const code = textAt(event, 'code') ?? ''
    const key = `${header.host ?? ''} ${pid}`
    const ip = ipOf(told.doc)
    const before = this.#known(key, ip, receivedMs)
    if (CLOSING.has(code)) {
      if (before !== undefined && code !== 'too-many-attempts') this.connections.delete(key)
      else if (code === 'too-many-attempts') this.#keep(key, receivedMs, ip, false)
      return before === undefined ? told : again(told, event)
    }
    if (event['outcome'] === 'success') this.connections.delete(key)
    if (event['outcome'] !== 'failure') return told
    // A client asks with the method `none` which methods there are; that is no attempt of its own.
    const announces = ANNOUNCING.has(code) || /\bnone$/.test(textAt(event, 'reason') ?? '')
    const announced = before?.announced === true
    this.#keep(key, receivedMs, ip ?? before?.ip, announces)
    return announced ? again(told, event) : told
  }

  #known(key: string, ip: string | undefined, nowMs: number): Connection | undefined {
    const known = this.connections.get(key)
    if (known === undefined || Math.abs(nowMs - known.atMs) > KEPT_MS) return undefined
    return known.ip === undefined || ip === undefined || known.ip === ip ? known : undefined
  }

  #keep(key: string, atMs: number, ip: string | undefined, announced: boolean): void {
    this.connections.set(key, { atMs, ip, announced })
  }
}

function again(told: Told, event: EcsDoc): Told {
  if (event['outcome'] !== 'failure') return told
  const reason = `${textAt(event, 'reason') ?? ''}, of an attempt told before`
  return {
    ...ANEW,
    ...told,
    doc: { ...ANEW, ...told.doc, event: { ...ANEW, ...event, outcome: 'unknown', reason } },
  }
}

function ipOf(doc: EcsDoc): string | undefined {
  const source = objectAt(doc, 'source')
  return source === undefined ? undefined : textAt(source, 'address')
}

function revived(saved: unknown): Connection | undefined {
  return isObject(saved) && typeof saved['atMs'] === 'number'
    ? (saved as unknown as Connection)
    : undefined
}
