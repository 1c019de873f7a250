import type { DecoderSpec } from '../../model/decoder.ts'

const TEXT_MAX = 1_048_576

/** Any text: an event with that message. The time is the delivery's own, or that of its receipt. */
export const text: DecoderSpec = {
  name: 'text',
  summary: 'Any text, one event an input, kept as `message`; nothing is read out of it.',
  wholeInput: true,
  create: () => ({
    decode: (item, out) => {
      if (item.text.length > TEXT_MAX) {
        out.reject('DECODE_TOO_LONG', `${item.text.length} characters, at most ${TEXT_MAX}.`)
      } else if (item.text.trim() === '') out.routine('blank')
      else out.event({ timeMs: undefined, action: 'event', doc: { message: item.text } })
    },
  }),
}
