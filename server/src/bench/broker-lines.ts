/** Lines of a Mosquitto 2.0.20 log: mostly connects and leaves of a fleet, now and then a refusal. */
export function brokerLines(connections: number, fromS: number): string[] {
  const lines: string[] = []
  for (let number = 0; number < connections; number += 1) {
    const at = fromS + Math.floor(number / 200)
    const id = `sensor-${number % 5_000}`
    const peer = `10.${(number >> 8) % 200}.${number % 250}.7:${20_000 + (number % 40_000)}`
    lines.push(`${at}: New connection from ${peer} on port 1883.`)
    if (number % 50 === 0) {
      lines.push(`${at}: Sending CONNACK to ${id} (0, 5)`)
      lines.push(`${at}: Client ${id} disconnected, not authorised.`)
    } else {
      lines.push(`${at}: New client connected from ${peer} as ${id} (p2, c1, k60, u'${id}').`)
      lines.push(`${at}: Client ${id} disconnected.`)
    }
  }
  return lines
}
