import { isAscii, isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'

/** Encodings in which a line feed is never part of another character, but for UTF-16, seen to apart. */
export const FILE_ENCODINGS = [
  'utf-8',
  'utf-16le',
  'utf-16be',
  'latin1',
  'iso-8859-2',
  'iso-8859-5',
  'iso-8859-7',
  'iso-8859-9',
  'iso-8859-15',
  'windows-1250',
  'windows-1251',
  'windows-1252',
  'windows-1253',
  'windows-1254',
  'koi8-r',
  'koi8-u',
  'shift_jis',
  'euc-jp',
  'euc-kr',
  'gbk',
  'gb18030',
  'big5',
] as const
export type FileEncoding = (typeof FILE_ENCODINGS)[number]

/** Bytes of one code unit: where a line feed may begin. */
export function unitBytes(encoding: FileEncoding): 1 | 2 {
  return encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1
}

export interface ByteOrderMark {
  readonly encoding: FileEncoding
  readonly bytes: number
}

/** The encoding that the first bytes of a file declare, if they do (Unicode 16, section 23.8). */
export function byteOrderMark(head: Uint8Array): ByteOrderMark | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) {
    return { encoding: 'utf-8', bytes: 3 }
  }
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: 'utf-16le', bytes: 2 }
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: 'utf-16be', bytes: 2 }
  return undefined
}

/** Text of the bytes from start to end, and the bytes themselves where they are not valid. */
export interface DecodedText {
  readonly text: string
  readonly invalid: boolean
}

/** Decodes slices of one chunk; what is true of the whole chunk is found out once. */
export type SliceDecoder = (start: number, end: number) => DecodedText

const valid = (text: string): DecodedText => ({ text, invalid: false })

export function sliceDecoder(chunk: Buffer, encoding: FileEncoding): SliceDecoder {
  if (encoding === 'latin1') return (start, end) => valid(chunk.toString('latin1', start, end))
  if (encoding === 'utf-16le') return (start, end) => valid(chunk.toString('utf16le', start, end))
  if (encoding !== 'utf-8') {
    return (start, end) => valid(iconv.decode(chunk.subarray(start, end), encoding))
  }
  if (isAscii(chunk)) return (start, end) => valid(chunk.toString('latin1', start, end))
  if (isUtf8(chunk)) return (start, end) => valid(chunk.toString('utf8', start, end))
  return (start, end) => ({
    text: chunk.toString('utf8', start, end),
    invalid: !isUtf8(chunk.subarray(start, end)),
  })
}
