import type { Decoder, DecoderSpec, Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { Frame } from '../line/frame.ts'
import { checkStampOptions, STAMP_OPTIONS, stampOptions } from '../line/options.ts'
import { decodeDocuments, type ReadDocument } from './json-decoder.ts'

const TEXT_MAX = 1_048_576

/** What a line of text tells: the document that its JSON form would be, an event, the class of a routine line. */
export type ReadText = (
  text: string,
  frame: Frame,
) => { readonly doc: EcsDoc } | { readonly draft: Omit<Draft, 'timeMs'> } | string | undefined

/** Decodes logs that a program writes as JSON or as lines of text. */
export function mixedSpec(
  about: Pick<DecoderSpec, 'name' | 'summary'>,
  readDocument: ReadDocument,
  readText: ReadText,
): DecoderSpec {
  return {
    ...about,
    options: STAMP_OPTIONS,
    check: checkStampOptions,
    create: (options = {}) =>
      mixedDecoder(new Frame(stampOptions(options)), readDocument, readText),
  }
}

function mixedDecoder(frame: Frame, readDocument: ReadDocument, readText: ReadText): Decoder {
  return {
    decode(item, out) {
      const { text, receivedMs } = item
      if (text.length > TEXT_MAX) {
        out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${TEXT_MAX}.`)
        return
      }
      if (/^\s*[[{]\s*["{]/.test(text.slice(0, 64))) {
        decodeDocuments(item, out, readDocument)
        return
      }
      if (text.trim() === '') {
        out.routine('blank')
        return
      }
      frame.read(text, receivedMs)
      const told = readText(text, frame)
      if (typeof told === 'string') out.routine(told)
      else if (told === undefined)
        out.reject('DECODE_UNKNOWN', 'No line of this program is known like it.')
      else if ('draft' in told) out.event({ timeMs: frame.timeMs, ...told.draft })
      else {
        const made = readDocument(told.doc, { item, topic: undefined, timeMs: frame.timeMs })
        if (typeof made === 'string') out.routine(made)
        else if (made === undefined || Array.isArray(made)) out.routine('status')
        else out.event(made as Draft)
      }
    },
  }
}
