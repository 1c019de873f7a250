/**
 * Counters, gauges and histograms in Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Labels are bounded: a metric
 * that is asked for more than `SERIES_MAX` label sets folds the rest into one `overflow` series.
 */
export type Labels = Readonly<Record<string, string>>

export interface Counter {
  inc(labels?: Labels, by?: number): void
}
export interface Gauge {
  set(value: number, labels?: Labels): void
}
export interface Histogram {
  /** `times`: so many observations of the same value; 1 unless given. */
  observe(value: number, labels?: Labels, times?: number): void
}

export interface Metrics {
  counter(name: string, help: string): Counter
  gauge(name: string, help: string): Gauge
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
}

const SERIES_MAX = 1_000

interface Series {
  readonly labels: string
  value: number
  buckets?: number[]
  count?: number
}

interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly bounds: readonly number[]
  readonly series: Map<string, Series>
}

export class MetricsRegistry implements Metrics {
  readonly #families = new Map<string, Family>()

  counter(name: string, help: string): Counter {
    const family = this.#family(name, help, 'counter', [])
    return { inc: (labels, by = 1) => void (series(family, labels).value += by) }
  }

  gauge(name: string, help: string): Gauge {
    const family = this.#family(name, help, 'gauge', [])
    return { set: (value, labels) => void (series(family, labels).value = value) }
  }

  histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    const family = this.#family(name, help, 'histogram', buckets)
    return {
      observe: (value, labels, times = 1) => {
        const one = series(family, labels)
        one.buckets ??= family.bounds.map(() => 0)
        one.count = (one.count ?? 0) + times
        one.value += value * times
        const at = family.bounds.findIndex((bound) => value <= bound)
        if (at >= 0) one.buckets[at] = (one.buckets[at] ?? 0) + times
      },
    }
  }

  /** Value of one series, or undefined where it was never set; for tests and for readiness. */
  value(name: string, labels?: Labels): number | undefined {
    return this.#families.get(name)?.series.get(labelText(labels))?.value
  }

  /** Names and helps of all metrics, for the reference page. */
  describe(): readonly { name: string; help: string; type: string }[] {
    return [...this.#families.values()].map(({ name, help, type }) => ({ name, help, type }))
  }

  render(): string {
    const lines: string[] = []
    for (const family of this.#families.values()) {
      lines.push(`# HELP ${family.name} ${family.help}`, `# TYPE ${family.name} ${family.type}`)
      for (const one of family.series.values()) lines.push(...renderSeries(family, one))
    }
    return `${lines.join('\n')}\n`
  }

  #family(name: string, help: string, type: Family['type'], bounds: readonly number[]): Family {
    const known = this.#families.get(name)
    if (known !== undefined) return known
    const family: Family = { name, help, type, bounds, series: new Map() }
    this.#families.set(name, family)
    return family
  }
}

function series(family: Family, labels: Labels | undefined): Series {
  const key = labelText(labels)
  const known = family.series.get(key)
  if (known !== undefined) return known
  if (family.series.size >= SERIES_MAX && key !== OVERFLOW) {
    return series(family, { overflow: 'true' })
  }
  const made: Series = { labels: key, value: 0 }
  family.series.set(key, made)
  return made
}

const OVERFLOW = labelText({ overflow: 'true' })

function labelText(labels: Labels | undefined): string {
  if (labels === undefined) return ''
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',')
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function renderSeries(family: Family, one: Series): string[] {
  const braces = (extra: string): string => {
    const inner = [one.labels, extra].filter((text) => text !== '').join(',')
    return inner === '' ? '' : `{${inner}}`
  }
  if (family.type !== 'histogram') return [`${family.name}${braces('')} ${one.value}`]
  const lines: string[] = []
  let sum = 0
  for (const [index, bound] of family.bounds.entries()) {
    sum += one.buckets?.[index] ?? 0
    lines.push(`${family.name}_bucket${braces(`le="${bound}"`)} ${sum}`)
  }
  lines.push(`${family.name}_bucket${braces('le="+Inf"')} ${one.count ?? 0}`)
  lines.push(`${family.name}_sum${braces('')} ${one.value}`)
  lines.push(`${family.name}_count${braces('')} ${one.count ?? 0}`)
  return lines
}
