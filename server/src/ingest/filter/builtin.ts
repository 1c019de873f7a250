import type { PolicyEntry, PolicyTest } from '../../model/filter.ts'

/**
 * What a compliance framework must find again (IEC 62443 SL-2: authentication, authorization,
 * configuration changes, firmware updates) and anomalies of the network are security events. What is
 * not known is kept: only what is known to be routine is folded.
 */
export const BUILTIN_POLICY: readonly PolicyEntry[] = [
  {
    name: 'found-by-others',
    when: 'event.kind: (alert or signal) or event.action: audit-finding',
    keep: 'security',
    reason: 'Another product found something.',
  },
  {
    name: 'authentication',
    when:
      'event.category: (authentication or iam or session) or event.action: (mqtt-connect or ' +
      'mqtt-disconnect or mqtt-takeover or mqtt-timeout or user-login or user-logout or ' +
      'user-session or privilege-use or tls-handshake or tls-error or certificate-seen)',
    keep: 'security',
    reason: 'Who came in, or tried to, and with what credential.',
  },
  {
    name: 'authorization',
    when:
      'event.type: denied or event.action: (mqtt-publish-denied or mqtt-subscribe-denied or ' +
      'connection-denied or api-call)',
    keep: 'security',
    reason: 'What somebody was let do, or not.',
  },
  {
    name: 'configuration',
    when:
      'event.category: configuration or event.action: (config-change or shadow-update or ' +
      'shadow-read or device-job or device-command or service-start or service-stop)',
    keep: 'security',
    reason: 'A device, broker or service was changed or told to do something.',
  },
  {
    name: 'firmware',
    when: 'event.action: (firmware-download or firmware-report or device-boot) or iot.firmware: *',
    keep: 'security',
    reason: 'What runs on a device, and how it came there.',
  },
  {
    name: 'failure',
    when: 'event.outcome: failure or event.action: (protocol-error or service-error)',
    keep: 'security',
    reason: 'Something was refused or did not work.',
  },
  {
    name: 'device-metrics',
    when: 'event.action: device-metrics and device.id: *',
    keep: 'both',
    reason: 'Metrics tell the posture of a device, and how often it reports.',
  },
  {
    name: 'telemetry-message',
    when: 'event.action: mqtt-publish',
    keep: 'routine',
    reason: 'A message that was let through: only how much a device sends matters here.',
  },
  {
    name: 'measurement',
    when: 'event.kind: metric and event.action: event and not event.category: *',
    keep: 'routine',
    reason: 'Its sender calls it a measurement and nothing more.',
  },
  {
    name: 'everything-else',
    when: '*',
    keep: 'security',
    reason: 'What no entry knows is kept.',
  },
]

const at = (action: string, more: object = {}): PolicyTest['event'] => ({
  event: { action, ...more },
})

/** Held by `picket filter test` beside those of the configuration, where the policy is the built-in. */
export const BUILTIN_TESTS: readonly PolicyTest[] = [
  {
    name: 'a refused login',
    event: at('mqtt-connect', { outcome: 'failure', category: ['authentication'] }),
    keep: 'security',
    entry: 'authentication',
  },
  {
    name: 'a denied publish',
    event: at('mqtt-publish-denied'),
    keep: 'security',
    entry: 'authorization',
  },
  {
    name: 'a change of a shadow',
    event: at('shadow-update'),
    keep: 'security',
    entry: 'configuration',
  },
  {
    name: 'a download of firmware',
    event: at('firmware-download'),
    keep: 'security',
    entry: 'firmware',
  },
  { name: 'a flow in the network', event: at('network-flow'), keep: 'security' },
  { name: 'a name that was looked up', event: at('dns-query'), keep: 'security' },
  {
    name: 'a published message',
    event: at('mqtt-publish', { outcome: 'success' }),
    keep: 'routine',
    entry: 'telemetry-message',
  },
  {
    name: 'a publish that failed',
    event: at('mqtt-publish', { outcome: 'failure' }),
    keep: 'security',
  },
  {
    name: 'a metric of a device',
    event: { ...at('device-metrics', { kind: 'metric' }), device: { id: 'd' } },
    keep: 'both',
  },
  {
    name: 'a measurement and nothing more',
    event: at('event', { kind: 'metric' }),
    keep: 'routine',
    entry: 'measurement',
  },
  { name: 'something unknown', event: at('event'), keep: 'security', entry: 'everything-else' },
]
