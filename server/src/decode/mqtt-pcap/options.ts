export interface SensorOptions {
  readonly ports: ReadonlySet<number>
  readonly tlsPorts: ReadonlySet<number>
  readonly intervalMs: number
}

export const OPTIONS = {
  ports:
    'Ports of brokers, separated by commas; 1883 unless set. MQTT is found on others by its CONNECT.',
  tls_ports: 'Ports of brokers that speak TLS, separated by commas; 8883 unless set.',
  interval:
    'Seconds over which the messages of a client are counted into one event; 300 unless set.',
}

const PORTS_MAX = 100
const INTERVAL_MIN = 10
const INTERVAL_MAX = 86_400

function portsOf(value: unknown): readonly number[] | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : String(value).split(',')
  const ports = list.map((port) => Number(String(port).trim() || 'none'))
  const isGood = ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)
  return isGood && ports.length <= PORTS_MAX ? ports : undefined
}

function intervalOf(value: unknown): number | undefined {
  const seconds = Number(value)
  return seconds >= INTERVAL_MIN && seconds <= INTERVAL_MAX ? seconds : undefined
}

export function checkOptions(options: Readonly<Record<string, unknown>>): string | undefined {
  for (const name of ['ports', 'tls_ports']) {
    const value = options[name]
    if (value === undefined || value === '') continue
    if (portsOf(value) === undefined) return `${name} is no list of port numbers`
  }
  const { interval } = options
  if (interval === undefined || intervalOf(interval) !== undefined) return undefined
  return `interval is no number of seconds from ${INTERVAL_MIN} to ${INTERVAL_MAX}`
}

export function readOptions(options: Readonly<Record<string, unknown>>): SensorOptions {
  const { ports = '1883', tls_ports: tls = '8883', interval = 300 } = options
  return {
    ports: new Set(ports === '' ? [] : (portsOf(ports) ?? [1883])),
    tlsPorts: new Set(tls === '' ? [] : (portsOf(tls) ?? [8883])),
    intervalMs: Math.round((intervalOf(interval) ?? 300) * 1000),
  }
}
