import type { Kysely } from 'kysely'

/** The one tenant served; it stands in every key so that a second one needs no migration. */
export const TENANT = 'default'

/** Severity is the index in SEVERITIES; times are ms since the epoch; flags are 0 or 1. */
export interface AlertRow {
  tenant: string
  id: string
  revision: number
  rule_id: string
  rule_name: string
  severity: number
  state: string
  open: number
  first_ms: number
  last_ms: number
  count: number
  suppressed_by: string | null
  /** 1 where the scope rows name every site, device type and dataset of the alert. */
  scope_complete: number
  /** Place in the journal of the first and the current revision: the order of lists and streams. */
  opened_offset: number
  opened_index: number
  updated_offset: number
  updated_index: number
  /** The whole AlertRecord, sealed. */
  body: Uint8Array
}

/** Revisions that were told to people: opened, raised, changed state, ended. */
export interface AlertHistoryRow {
  tenant: string
  alert_id: string
  revision: number
  kind: string
  severity: number
  state: string
  at_ms: number
  body: Uint8Array
}

export interface AlertScopeRow {
  tenant: string
  alert_id: string
  kind: 'site' | 'device_type' | 'dataset'
  value: string
}

/** What is still to be told, per outlet; a row goes when it was told. */
export interface OutboxRow {
  tenant: string
  outlet: string
  alert_id: string
  revision: number
  kind: string
  journal_offset: number
  journal_index: number
}

/** How far a reader of the journal has come, committed with what it wrote. */
export interface ReaderRow {
  tenant: string
  name: string
  journal_offset: number
}

export interface DeadLetterRow {
  tenant: string
  id: string
  source: string
  decoder: string
  code: string
  received_ms: number
  journal_offset: number
  journal_index: number
  /** Bytes of the input, for the budget. */
  bytes: number
  replayed_ms: number | null
  replay_outcome: string | null
  /** The whole DeadLetter, sealed. */
  body: Uint8Array
}

/** Counts that must survive a restart (expired dead letters by reason, for one). */
export interface TallyRow {
  tenant: string
  name: string
  label: string
  count: number
}

/** A person who may log in. Lists are JSON; flags are 0 or 1. */
export interface UserRow {
  tenant: string
  /** A pseudonym: what audit entries name. */
  id: string
  /** Keyed hash of the login name, folded. */
  name_key: string
  roles: string
  visibility: string | null
  masks: string | null
  password: string
  must_change: number
  disabled: number
  /** Last time step whose code was taken, so that a code is good once. */
  totp_step: number
  totp: Uint8Array | null
  created_ms: number
  changed_ms: number
  /** Sealed: the login name. */
  body: Uint8Array
}

export interface OidcIdentityRow {
  tenant: string
  /** Keyed hash of issuer and subject. */
  subject_key: string
  user_id: string
  created_ms: number
}

export interface SessionRow {
  tenant: string
  /** SHA-256 of the cookie's value. */
  id_hash: string
  user_id: string
  created_ms: number
  seen_ms: number
}

export interface TokenRow {
  tenant: string
  id: string
  /** SHA-256 of the secret. */
  secret_hash: string
  name: string
  roles: string
  visibility: string | null
  masks: string | null
  created_by: string
  created_ms: number
  expires_ms: number | null
  last_used_ms: number | null
  revoked_ms: number | null
}

export interface RuleLifeRow {
  tenant: string
  rule_id: string
  life: string
  changed_by: string
  changed_ms: number
}

export interface IdempotencyRow {
  tenant: string
  /** Of who asks and the key they gave. */
  key_hash: string
  /** Of method, address and body: the same key for another request is a mistake. */
  request_hash: string
  at_ms: number
  /** Null while the request is under way, or when it died there. */
  status: number | null
  /** The answer, sealed. */
  body: Uint8Array | null
}

export interface AssetRow {
  tenant: string
  id: string
  revision: number
  changed_ms: number
  origin: string
  site: string | null
  device_type: string | null
  /** The whole asset, sealed: it names its owner. */
  body: Uint8Array
}

export interface StateTables {
  asset: AssetRow
  idempotency: IdempotencyRow
  rule_life: RuleLifeRow
  user: UserRow
  oidc_identity: OidcIdentityRow
  session: SessionRow
  token: TokenRow
  alert: AlertRow
  alert_history: AlertHistoryRow
  alert_scope: AlertScopeRow
  outbox: OutboxRow
  reader: ReaderRow
  dead_letter: DeadLetterRow
  tally: TallyRow
}

/** The query layer, inside a transaction or not. */
export type Db = Kysely<StateTables>
