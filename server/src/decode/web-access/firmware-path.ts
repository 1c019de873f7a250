import { searching } from '../custom/search.ts'

export interface Artifact {
  readonly image: string
  readonly model: string | undefined
  readonly version: string | undefined
  readonly device: string | undefined
}

export type FindArtifact = (path: string) => Artifact | undefined

const IMAGE =
  '(?P<image>[^/?]+\\.(?:bin|img|fw|hex|uf2|dfu|swu|raucb|mender|wic|ipk|signed|ota)(?:\\.(?:gz|xz|zst|sig))?)'
/** hawkBit's DDI interface: `/{tenant}/controller/v1/{controller}/softwaremodules/{id}/artifacts/{file}`. */
const DDI =
  '/controller/v1/(?P<device>[^/]+)/softwaremodules/[^/]+/artifacts/(?P<image>[^/?]+?)(?:\\?|$)'
/** `/fw/MODEL/1.2.3.bin`, `/firmware/MODEL/1.2.3/app.bin`. */
const NESTED = `/(?P<model>[^/]+)/v?(?P<version>\\d+(?:\\.\\d+)+[^/]*)/${IMAGE}(?:\\?|$)`
const SUFFIX =
  '\\.(?:bin|img|fw|hex|uf2|dfu|swu|raucb|mender|wic|ipk|signed|ota)(?:\\.(?:gz|xz|zst))?(?:\\?|$)'
/** `/MODEL/1.2.3.bin`, `/MODEL/app-1.2.3.swu`. */
const NAMED =
  '/(?P<model>[^/]+)/(?:[^/]*?[-_])?v?(?P<version>\\d+(?:\\.\\d+)+(?:[-+][\\w.]+?)?)' + SUFFIX
const PLAIN = `/${IMAGE}(?:\\?|$)`

const GROUPS = ['image', 'model', 'version', 'device'] as const

/** A sentence where the pattern is no expression, or has none of the groups. */
export function patternFault(pattern: unknown): string | undefined {
  if (pattern === undefined) return undefined
  if (typeof pattern !== 'string' || pattern.length > 2_000) return 'pattern must be a text'
  try {
    const names = Object.keys(searching(pattern).names)
    if (names.some((name) => GROUPS.includes(name as 'image'))) return undefined
    return 'pattern needs a group (?P<model>…), (?P<version>…), (?P<device>…) or (?P<image>…)'
  } catch {
    return 'pattern is no regular expression of RE2'
  }
}

/** What a path names: by the given pattern alone, else by the usual forms. */
export function artifactFinder(pattern: unknown): FindArtifact {
  const given = typeof pattern === 'string' && patternFault(pattern) === undefined ? pattern : ''
  const texts = given === '' ? [DDI, NESTED, NAMED, PLAIN] : [given]
  const searches = texts.map(searching)
  return (path) => {
    for (const { names, find } of searches) {
      const groups = find(path)
      if (groups === undefined) continue
      const group = (name: string): string | undefined => groups[names[name] ?? -1] ?? undefined
      const bare = path.split('?', 1)[0] ?? path
      return {
        image: group('image') ?? bare.slice(bare.lastIndexOf('/') + 1),
        model: group('model'),
        version: group('version'),
        device: group('device'),
      }
    }
    return undefined
  }
}
