import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type LogFields, type Logger, SILENT } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import { type KeyringShare, joinKeyring } from '../vault/keyring.ts'
import type { FromWriter, ToWriter, WriterSettings } from './protocol.ts'
import { SharedView } from './shared-view.ts'
import { type Client, WriterLoop } from './writer-loop.ts'
import { JournalWriter } from './writer.ts'

/** The thread that writes; started by `openJournal`, never imported. */
export interface WriterThreadData {
  readonly settings: WriterSettings
  readonly keyring: KeyringShare
  readonly view: SharedArrayBuffer
}

function main(port: MessagePort, data: WriterThreadData): void {
  const say = (message: FromWriter): void => port.postMessage(message)
  const ports: MessagePort[] = [port]
  let writer: JournalWriter
  try {
    writer = new JournalWriter({
      settings: data.settings,
      keyring: joinKeyring(data.keyring),
      view: new SharedView(data.view),
      log: forward(say),
    })
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    say({ kind: 'refused', problem: error.problem })
    port.close()
    return
  }
  const loop = new WriterLoop(writer, () => {
    for (const one of ports) one.close()
  })
  const attach = (one: MessagePort): void => {
    const client: Client = { post: (message) => one.postMessage(message) }
    loop.join(client)
    one.on('close', () => loop.leave(client))
    one.on('message', (message: ToWriter) => {
      if (message.kind !== 'attach') return loop.take(client, message)
      ports.push(message.port)
      attach(message.port)
    })
  }
  attach(port)
  say({ kind: 'ready' })
}

function forward(say: (message: FromWriter) => void): Logger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, message: string) =>
    say({ kind: 'log', level, fields, message })
  return { ...SILENT, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

if (parentPort !== null) main(parentPort, workerData as WriterThreadData)
