/**
 * What could move a cursor, recolour a terminal, forge a line or reverse its reading order: C0 and
 * C1 controls, DEL, line and paragraph separators, bidirectional and zero-width formatting
 * (Unicode UAX #9; "Trojan Source", CVE-2021-42574), lone surrogates.
 */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu

/** Text from outside, safe to print on one line of a terminal; cut at `lengthMax` characters. */
export function printable(text: string, lengthMax = 200): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax - 1)}…` : text
  return cut.replaceAll(UNSAFE, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`)
}
