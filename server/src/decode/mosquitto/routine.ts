/** What a line of the broker about itself or its packets comes to. */
export interface Notice {
  readonly prefix: string
  readonly kind: 'routine' | 'error' | 'finding' | 'reload' | 'detail' | 'denied'
  /** The routine class, or `event.code` of the event. */
  readonly name: string
}

const routine = (name: string, ...prefixes: string[]): Notice[] =>
  prefixes.map((prefix) => ({ prefix, kind: 'routine', name }))
const of = (kind: Notice['kind'], name: string, ...prefixes: string[]): Notice[] =>
  prefixes.map((prefix) => ({ prefix, kind, name }))

/**
 * Every message of Mosquitto 1.4 to 2.1 that is not taken apart elsewhere, by its beginning; within
 * one first word the first that fits counts. Gathered from the format strings of all releases.
 */
const NOTICES: readonly Notice[] = [
  ...routine('will', 'No will message specified.', 'Will message specified ('),
  ...routine('packet-sent', 'Sending '),
  ...routine('packet-received', 'Received '),
  ...routine('messages-dropped', 'Dropped too large PUBLISH', 'Dropping too large outgoing'),
  ...routine('messages-dropped', 'Drop message clientid ', 'Rejected PUBLISH '),
  ...routine('messages-dropped', 'Outgoing messages are being dropped for client '),
  ...routine('messages-dropped', 'Reused message ID '),
  ...routine('session-expired', 'Expiring client ', 'Expiring persistent client '),
  ...routine('persistence', 'Saving in-memory database', 'Restored ', 'Persistence ', 'sqlite: Re'),
  ...routine(
    'persistence',
    'Sqlite persistence: Closed DB',
    'Error saving in-memory database, out',
  ),
  ...routine('bridge', 'Bridge ', 'Connecting bridge ', 'Duplicate bridge topic '),
  ...routine('bridge', 'Notice: Remote bridge ', 'Warning: Remote bridge '),
  ...routine(
    'startup',
    'Config loaded from ',
    'Using default config',
    'Opening ',
    'Using http_dir ',
  ),
  ...routine('startup', 'Loading config file ', 'Configuration file is OK', 'Binding listener to '),
  ...routine(
    'startup',
    'TLS support ',
    'TLS-PSK support ',
    'Websockets support ',
    'Bridge support ',
  ),
  ...routine('startup', 'Info: running mosquitto as ', 'Starting in local only mode', 'Create a '),
  ...routine(
    'startup',
    'For more details see ',
    'Creating default listener',
    'It is best practice ',
  ),
  ...routine(
    'startup',
    'Please provide a configuration',
    'TLS key logging ',
    'Note: ',
    'Note that ',
  ),
  ...routine('startup', 'MOSQUITTO_UNSAFE_ALLOW_SYMLINKS ', 'Please be aware that support for TLS'),
  ...routine('startup', 'You are using the ', "The '", 'The listener ', 'The ', 'Mosquitto '),
  ...routine(
    'startup',
    'keepalive interval ',
    'idle_timeout interval ',
    'restart_timeout interval ',
  ),
  ...routine('startup', 'threshold too low', '        If this is a bridge', '     sudo setcap '),
  ...routine('startup', 'If you are trying to bind to ', '     or attempted to continue '),
  ...routine('plugin', 'Loading plugin: ', 'Plugin ', 'Tick event for plugin', ' └── ', ' ├── '),
  ...routine('plugin', '└── ', '├── ', 'Starting auth for ', 'Completing auth for ', ': '),
  ...routine(
    'plugin',
    'Dynamic security plugin ',
    '  Generated passwords',
    '  Using admin password ',
  ),
  ...routine('plugin', 'Broker: '),
  ...routine('tls-detail', 'OCSP: ', 'Connection from ', 'Unsupported property type'),
  ...routine('websockets', 'http serving file ', 'lws', 'libwebsockets', '_lws', 'Libwebsockets'),
  ...routine(
    'websockets',
    'accepted new conn',
    '_realloc: ',
    'new wsi ',
    '__lws',
    '__insert',
    '__remove',
  ),
  ...routine(
    'websockets',
    'inserted SSL',
    'SNI: ',
    'SSL_ERROR_',
    'insert_wsi',
    'removing wsi',
    'rops_',
  ),
  ...routine('websockets', 'Initial logging level', 'mem: ', ' mem: ', 'Creating Vhost', ' Using '),
  ...routine('internal', 'Internal log buffer too short', 'Error in epoll re-registering'),
  ...routine('internal', 'Error in epoll disconnecting', 'Error in kqueue re', 'Time error'),
  ...of('finding', 'file-permissions', 'Warning: File '),
  ...of('finding', 'runs-as-root', 'Warning: Mosquitto should not be run as root'),
  ...routine('plugin', 'error: received null username', 'warning: received null username'),
  ...routine('warning', 'Warning: ', 'warning: '),
  ...of('reload', 'reload', 'Reloading config'),
  ...of('detail', 'protocol-detail', 'Protocol error from ', 'Invalid protocol ', 'Invalid QoS '),
  ...of(
    'detail',
    'protocol-detail',
    'Invalid PUBLISH ',
    'Invalid Will QoS',
    'Invalid subscription',
  ),
  ...of('detail', 'protocol-detail', 'Invalid unsubscription ', 'Too high QoS in PUBLISH '),
  ...of(
    'detail',
    'protocol-detail',
    'Empty subscription ',
    'Empty unsubscription ',
    'Malformed UTF',
  ),
  ...of('detail', 'protocol-detail', 'Bad client '),
  ...of('denied', 'dangerous-name', 'ACL denying access to client with dangerous '),
  ...of('error', 'bridge-refused', 'Connection Refused: '),
  ...of('error', 'no-sockets', 'Unable to accept new connection'),
  ...of('error', 'error', 'Error', 'Unable to ', 'Out of memory', 'Failed engine ', 'Load error: '),
  ...of(
    'error',
    'error',
    'Could not ',
    'Failed to ',
    'Sqlite persistence: ',
    'sqlite: ',
    'error: ',
  ),
  ...of(
    'error',
    'error',
    'password-file: Error',
    'auth-by-env plugin called',
    'Address already in use',
  ),
]

/** Lines of what runs the broker, and of plugins that write past its log. */
const SURROUNDINGS: readonly (readonly [string, string])[] = [
  ['time="', 'plugin'],
  ['|-- ', 'plugin'],
  ['| ', 'plugin'],
  ['*** ', 'plugin'],
  ['auth-plug', 'plugin'],
  ['To fix this, use `', 'continuation'],
  ['  ', 'continuation'],
  ['nginx: ', 'supervisor'],
  ['[s6-', 'supervisor'],
  ['s6-', 'supervisor'],
  ['[cont-', 'supervisor'],
  ['cont-', 'supervisor'],
  ['[services.d]', 'supervisor'],
  ['[fix-attrs', 'supervisor'],
  ['[cmd]', 'supervisor'],
  ['services-up:', 'supervisor'],
  ['INFO: ', 'supervisor'],
  ['NOTICE: ', 'supervisor'],
  ['DEBUG: ', 'supervisor'],
  ['WARNING: ', 'supervisor'],
  ['ERROR: ', 'supervisor'],
  ['FATAL: ', 'supervisor'],
  ['[INFO]', 'plugin'],
  ['[WARN', 'plugin'],
  ['[ERROR]', 'plugin'],
  ['[DEBUG]', 'plugin'],
  ['INFO[', 'plugin'],
  ['WARN[', 'plugin'],
  ['ERRO[', 'plugin'],
  ['DEBU[', 'plugin'],
  ['FATA[', 'plugin'],
  ['401: Unauthorized', 'plugin'],
  ['-- ', 'supervisor'],
  ['chown: ', 'supervisor'],
  ['Started ', 'supervisor'],
  ['Starting ', 'supervisor'],
  ['Stopped ', 'supervisor'],
  ['Stopping ', 'supervisor'],
  ['mosquitto.service: ', 'supervisor'],
]

const byWord = new Map<string, Notice[]>()
const loose: Notice[] = []
for (const notice of NOTICES) {
  const space = notice.prefix.indexOf(' ')
  if (space <= 0) {
    loose.push(notice)
    continue
  }
  const word = notice.prefix.slice(0, space)
  const list = byWord.get(word)
  if (list === undefined) byWord.set(word, [notice])
  else list.push(notice)
}

export function noticeOf(message: string): Notice | undefined {
  const space = message.indexOf(' ')
  const list = space <= 0 ? undefined : byWord.get(message.slice(0, space))
  for (const notice of list ?? []) if (message.startsWith(notice.prefix)) return notice
  for (const notice of loose) if (message.startsWith(notice.prefix)) return notice
  return undefined
}

/** The class of a line that is not the broker's own, or undefined. */
export function surroundingOf(message: string): string | undefined {
  for (const [prefix, name] of SURROUNDINGS) if (message.startsWith(prefix)) return name
  return undefined
}
