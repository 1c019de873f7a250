/** A topic filter to subscribe to, and the names that its levels give. */
export interface TopicTemplate {
  readonly filter: string
  /** Level number and the name of what stands there. */
  readonly captures: readonly (readonly [level: number, name: string])[]
}

/**
 * `fleet/{site}/{device.id}/attest` subscribes to `fleet/+/+/attest` and tells site and device of each
 * message. `+` and `#` work as MQTT has them. Undefined where the text is no topic filter.
 */
export function parseTemplate(text: string): TopicTemplate | undefined {
  const captures: [number, string][] = []
  const levels = text.split('/').map((level, at) => {
    const [, name] = /^\{([a-z][a-z0-9_.]{0,63})\}$/.exec(level) ?? []
    if (name === undefined) return level
    captures.push([at, name])
    return '+'
  })
  const isFilter = levels.every((level, at) => {
    if (level === '#') return at === levels.length - 1
    return level === '+' || !/[+#\0{}]/.test(level)
  })
  const filter = levels.join('/')
  return isFilter && filter !== '' && filter.length <= 65_535 ? { filter, captures } : undefined
}

/** What the templates tell of a topic: the first that fits. */
export function captured(
  templates: readonly TopicTemplate[],
  topic: string,
): Readonly<Record<string, string>> {
  const levels = topic.split('/')
  for (const { filter, captures } of templates) {
    if (!fits(filter.split('/'), levels)) continue
    return Object.fromEntries(captures.map(([at, name]) => [name, levels[at] ?? '']))
  }
  return {}
}

function fits(filter: readonly string[], levels: readonly string[]): boolean {
  for (const [at, part] of filter.entries()) {
    if (part === '#') return true
    if (at >= levels.length) return false
    if (part !== '+' && part !== levels[at]) return false
  }
  return filter.length === levels.length
}
