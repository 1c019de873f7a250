/** Gets a text from an address that was checked before. */
export type FetchText = (url: string) => Promise<{ readonly status: number; readonly text: string }>

const TIMEOUT_MS = 5_000
const BYTES_MAX = 65_536

/** Without redirects, within five seconds, at most 64 KiB. Rejects where that is not to be had. */
export const fetchText: FetchText = async (url) => {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    const part = chunk as Uint8Array
    bytes += part.length
    if (bytes > BYTES_MAX) throw new Error(`the answer is longer than ${BYTES_MAX} bytes`)
    parts.push(part)
  }
  return { status: answer.status, text: Buffer.concat(parts).toString('utf8') }
}
