/**
 * admin: everything · analyst: reads and works on alerts, searches · responder: an analyst who may
 * also act on the world · auditor: reads everything, audit entries included, changes nothing ·
 * ingest: may only deliver events.
 */
export const ROLES = ['admin', 'analyst', 'responder', 'auditor', 'ingest'] as const
export type Role = (typeof ROLES)[number]

/**
 * What part of the fleet a person may see; absent: all of it. A thing is seen only when everything
 * in it is allowed: an alert that spans an allowed site and another would tell of the other.
 */
export interface Visibility {
  readonly sites?: readonly string[]
  readonly deviceTypes?: readonly string[]
  readonly datasets?: readonly string[]
}

/** Who asks, and what of the answer they may see. */
export interface Principal {
  /** `local`: whoever may open the control socket in the data directory. */
  readonly kind: 'local' | 'user' | 'token'
  /** A pseudonym, as audit entries name it; never a person's name. */
  readonly id: string
  readonly roles: readonly Role[]
  readonly visibility?: Visibility
  /** Dotted ECS fields whose values are replaced by `MASKED` in every answer. */
  readonly masks?: readonly string[]
}

export const MASKED = '[masked]'

/** The closed list of what an access record can say was done. */
export const ACCESS_ACTIONS = {
  'alert-list': 'Alerts were listed.',
  'alert-read': 'An alert and its history were read.',
  'alert-stream': 'Alerts were followed live.',
  'alert-export': 'Alerts were exported; a second entry says how many were sent.',
  login: 'A login was tried.',
  logout: 'A session was ended by its user.',
  'session-read': 'Somebody asked who they are.',
  'password-change': 'A user changed their own password.',
  'totp-change': 'A user set up or took away their second factor.',
  'user-list': 'Users were listed.',
  'user-create': 'A user was made.',
  'user-change': "A user's roles, scope, second factor or state were changed.",
  'user-password': 'A user was given a new password by an admin.',
  'user-delete': 'A user was removed.',
  'token-list': 'API tokens were listed.',
  'token-create': 'An API token was made.',
  'token-revoke': 'An API token was revoked.',
  'dead-letter-list': 'Dead letters were listed.',
  'dead-letter-read': 'A dead letter was read, its input included.',
  'dead-letter-replay': 'A dead letter was put through its decoder again.',
  'search-templates': 'The search templates were listed.',
  'search-run': 'Events were searched.',
  'search-export': 'The rows of a search were exported.',
  'hunt-run': 'Rules were run over the stored events.',
  'hunt-end': 'A hunt was called off.',
  'rule-list': 'Rules were listed.',
  'rule-change': 'A rule was made live, put in shadow, disabled, or left to its file.',
  'rule-reload': 'Rule files were read anew.',
  'rule-upload': 'A folder of rules was uploaded or removed.',
  'config-reload': 'The configuration was read anew.',
  'asset-list': 'Assets were listed.',
  'asset-read': 'An asset was read.',
  'asset-change': 'An asset was made or replaced.',
  'asset-delete': 'An asset was removed.',
  'asset-import': 'A table of assets was taken over.',
  'store-pass': 'A command on the host was let read the store.',
  'config-read': 'The running configuration was read, secrets left out.',
  'source-read': 'The state and the last inputs of a source were read.',
  'status-read': 'The state of the server was read.',
} as const satisfies Record<string, string>

export type AccessAction = keyof typeof ACCESS_ACTIONS
