import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Logger } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import type { Keyring } from '../vault/keyring.ts'
import type { FromWriter, ToWriter, WriterSettings } from './protocol.ts'
import { SharedView } from './shared-view.ts'
import { type Client, WriterLoop } from './writer-loop.ts'
import { JournalWriter } from './writer.ts'

/** One thread's connection to the writing side. */
export interface Link {
  post(message: ToWriter, move?: readonly (ArrayBuffer | MessagePort)[]): void
  /** Keeps the process alive while answers are awaited. */
  hold(awaited: boolean): void
  /** Resolves when the other side is gone. */
  readonly ended: Promise<void>
  close(): void
}

export interface LinkOptions {
  readonly settings: WriterSettings
  readonly keyring: Keyring
  readonly view: SharedView
  readonly log: Logger
  readonly receive: (message: FromWriter) => void
}

/** A writer in a thread of its own, so that no event loop waits for a disk. */
export function startWriterThread(options: LinkOptions): Link {
  const worker = new Worker(new URL('./writer-thread.js', import.meta.url), {
    name: 'picket-journal',
    workerData: {
      settings: options.settings,
      keyring: options.keyring.share(),
      view: options.view.memory,
    },
  })
  worker.on('message', options.receive)
  worker.on('error', (error) => {
    options.log.error({ error: error.message }, 'The journal writer stopped.')
  })
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  return {
    post: (message, move = []) => worker.postMessage(message, [...move]),
    hold: (awaited) => (awaited ? worker.ref() : worker.unref()),
    ended,
    close: () => worker.unref(),
  }
}

/**
 * A writer in this thread: each commit waits for the disk right here. For offline commands and for
 * tests that run from source, where a thread cannot load TypeScript.
 */
export function startWriterHere(options: LinkOptions): Link {
  const { settings, keyring, view, log, receive } = options
  let writer: JournalWriter
  try {
    writer = new JournalWriter({ settings, keyring, view, log })
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    receive({ kind: 'refused', problem: error.problem })
    return { post: () => undefined, hold: () => undefined, ended: Promise.resolve(), close: noop }
  }
  let end = noop
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const ports: MessagePort[] = []
  const loop = new WriterLoop(writer, () => {
    for (const port of ports) port.close()
    end()
  })
  // answers come later, as from another thread
  const client: Client = { post: (message) => queueMicrotask(() => receive(message)) }
  loop.join(client)
  client.post({ kind: 'ready' })
  return {
    post: (message) => {
      if (message.kind !== 'attach') return loop.take(client, message)
      ports.push(message.port)
      serve(loop, message.port)
    },
    hold: noop,
    ended,
    close: noop,
  }
}

/** Another thread's connection, over the port that `Journal.share` gave it. */
export function joinWriter(port: MessagePort, receive: (message: FromWriter) => void): Link {
  port.on('message', receive)
  port.unref()
  const ended = new Promise<void>((resolve) => port.once('close', () => resolve()))
  return {
    post: (message, move = []) => port.postMessage(message, [...move]),
    hold: (awaited) => (awaited ? port.ref() : port.unref()),
    ended,
    close: () => port.close(),
  }
}

/** Serves one more thread over a port. */
export function serve(loop: WriterLoop, port: MessagePort): void {
  const client: Client = { post: (message) => port.postMessage(message) }
  loop.join(client)
  port.on('close', () => loop.leave(client))
  port.on('message', (message: ToWriter) => {
    if (message.kind !== 'attach') loop.take(client, message)
  })
}

/** Both ends of a new connection: one for the writer, one for the thread that joins. */
export function newPorts(): { readonly writer: MessagePort; readonly thread: MessagePort } {
  const { port1, port2 } = new MessageChannel()
  return { writer: port1, thread: port2 }
}

function noop(): void {
  // nothing to do in this form
}
