import { type JoinEnd, type Joining, LineJoiner } from './joiner.ts'
import type { LineForm, LineVerdict, OpenLines } from './form.ts'
import { MULTILINE_DEFAULTS } from './joining.ts'

/**
 * The container runtimes cut what a program writes without a line end into entries of their log. CRI
 * (Kubernetes: containerd, CRI-O, podman) marks all but the last with `P`
 * (https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md);
 * Docker's json-file leaves out the line end of an entry of 16 KiB, the size of its buffer.
 */
const DOCKER_PART_BYTES = 16_384
const UTF8_BYTES_MAX = 4
const DOCKER = '{"log":"'
const DOCKER_STREAM = /"stream":"(std(?:out|err))"/
const TIME_MAX = 40

type Kind = 'part' | 'last'

const PARTS: OpenLines = { take: (text): LineVerdict => kindOf(text) ?? 'none' }

const partsForm: LineForm = {
  hasEnd: false,
  begin: (text) => (isDocker(text) && !mayBeDockerPart(text) ? undefined : begun(text)),
}

const begun = (text: string): OpenLines | undefined => (kindOf(text) === 'part' ? PARTS : undefined)

/** Joins the entries that a container runtime made of one line; what is none of these passes. */
export function partsJoiner(told?: (end: JoinEnd) => void): LineJoiner {
  const { lines_max: linesMax, bytes_max: charactersMax, timeout: timeoutMs } = MULTILINE_DEFAULTS
  const joining: Joining = {
    form: partsForm,
    unwrap: false,
    bare: false,
    ...{ linesMax, charactersMax, timeoutMs },
    pieces: { prefix: 'parts/', senderOf, compose },
  }
  return new LineJoiner(joining, told)
}

const isDocker = (text: string): boolean => text.startsWith(DOCKER)

/** Cheap: one that is shorter holds no whole buffer. */
const mayBeDockerPart = (text: string): boolean => text.length > DOCKER_PART_BYTES / UTF8_BYTES_MAX

/** What an entry of a container's log is; undefined for any other line. */
function kindOf(text: string): Kind | undefined {
  if (isDocker(text)) {
    const said = saidIn(text)
    if (said === undefined) return undefined
    const isPart = !said.endsWith('\n') && Buffer.byteLength(said) >= DOCKER_PART_BYTES
    return isPart ? 'part' : 'last'
  }
  const at = criFlagAt(text)
  if (at < 0) return undefined
  return text.charCodeAt(at) === 80 ? 'part' : 'last'
}

/** Where the flag of a CRI entry stands: `2026-11-21T22:51:22.1Z stdout P `; -1 where it is none. */
function criFlagAt(text: string): number {
  if (text.charCodeAt(10) !== 84) return -1
  const space = text.indexOf(' ')
  if (space < 11 || space > TIME_MAX) return -1
  if (!text.startsWith('stdout ', space + 1) && !text.startsWith('stderr ', space + 1)) return -1
  const flag = text.charCodeAt(space + 8)
  const behind = text.charCodeAt(space + 9)
  // Further tags may follow behind a colon.
  const isEntry = (flag === 70 || flag === 80) && (behind === 32 || behind === 58)
  return isEntry ? space + 8 : -1
}

/** Both streams of a container stand in one file. */
function senderOf(text: string): string {
  if (isDocker(text)) return DOCKER_STREAM.exec(text)?.[1] ?? ''
  const at = criFlagAt(text)
  return at < 0 ? '' : text.slice(at - 7, at - 1)
}

/** One entry as the runtime had made it of a shorter line, with the time of the first. */
function compose(texts: readonly string[]): string {
  const [first = ''] = texts
  if (isDocker(first)) {
    const log = texts.map((text) => saidIn(text) ?? '').join('')
    return JSON.stringify({ ...(JSON.parse(first) as object), log })
  }
  const head = first.slice(0, criFlagAt(first))
  const said = texts.map((text) => text.slice(text.indexOf(' ', criFlagAt(text)) + 1))
  return `${head}F ${said.join('')}`
}

/** `log` of an entry of Docker's json-file. */
function saidIn(text: string): string | undefined {
  try {
    const { log, stream } = JSON.parse(text) as Readonly<Record<string, unknown>>
    return typeof log === 'string' && typeof stream === 'string' ? log : undefined
  } catch {
    return undefined
  }
}
