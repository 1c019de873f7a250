/**
 * Every expected failure has a code in this table. `status` is the HTTP status that a code maps to;
 * `help` is the sentence that the reference page shows. The page and the table are compared by a test.
 * One folder's codes stand together; keep the groups apart so that changes do not collide.
 */
export const ERROR_CODES = {
  // configuration
  CONFIG_UNREADABLE: { status: 422, help: 'The configuration file could not be read.' },
  CONFIG_SYNTAX: { status: 422, help: 'The configuration file is not well-formed YAML.' },
  CONFIG_UNKNOWN_KEY: { status: 422, help: 'The configuration has a key that does not exist.' },
  CONFIG_INVALID: { status: 422, help: 'A configuration value is not of the form the key takes.' },
  CONFIG_SECRET: { status: 422, help: 'A secret named by the configuration could not be read.' },
  // rules
  RULE_SYNTAX: { status: 422, help: 'The text is not well-formed YAML, or not of its language.' },
  RULE_LIMIT: { status: 422, help: 'A rule file or rule is larger than the limits allow.' },
  RULE_INVALID: { status: 422, help: 'A part of a rule is missing or not of the form it takes.' },
  RULE_MODIFIER: { status: 422, help: 'A modifier is not known, or does not take the value.' },
  RULE_REGEX: { status: 422, help: 'A regular expression cannot run in linear time (RE2).' },
  RULE_CONDITION: { status: 422, help: 'A condition of a rule cannot be read.' },
  RULE_REFERENCE: {
    status: 422,
    help: 'A rule names a rule, selection or list that is not there.',
  },
  RULE_DUPLICATE: { status: 422, help: 'Two rules, lists or macros have the same name or id.' },
  RULE_PLACEHOLDER: { status: 422, help: 'A placeholder has no values.' },
  RULE_LOGSOURCE: { status: 422, help: 'The log source of a rule is mapped to no events.' },
  RULE_PIPELINE: { status: 422, help: 'A processing pipeline cannot be read, or refuses a rule.' },
  RULE_UNSUPPORTED: { status: 422, help: 'A rule uses something that Picket does not do.' },
  // mappings
  MAPPING_SYNTAX: { status: 422, help: 'A mapping file is not well-formed YAML, or too large.' },
  MAPPING_UNKNOWN_KEY: { status: 422, help: 'A mapping file has a key that does not exist.' },
  MAPPING_INVALID: { status: 422, help: 'A part of a mapping is not of the form it takes.' },
  // assets
  ASSET_INVALID: { status: 422, help: 'An asset, or a row of a table of assets, is not valid.' },
  ASSET_UNKNOWN: { status: 404, help: 'There is no asset of this id.' },
  ASSET_CHANGED: { status: 412, help: 'The asset was changed since it was read.' },
  // detector
  DETECTOR_DOWN: { status: 503, help: 'The detector stopped and is being started again.' },
  // sources
  SOURCE_UNKNOWN: { status: 404, help: 'There is no source of this name.' },
  SOURCE_LISTEN: { status: 500, help: 'A source cannot listen on the address it was given.' },
  // files and input
  INPUT_UNREADABLE: { status: 422, help: 'A file that was named could not be read.' },
  OUTPUT_UNWRITABLE: { status: 422, help: 'A file that was named could not be written.' },
  INPUT_NO_ROOM: {
    status: 507,
    help: 'Input too large for memory found no room on disk to be sorted in.',
  },
  USAGE: { status: 400, help: 'The command was called with arguments it does not take.' },
  // api
  API_INVALID: { status: 400, help: 'A request is not of the form the route takes.' },
  API_UNAUTHENTICATED: { status: 401, help: 'The route needs to know who asks.' },
  API_FORBIDDEN: { status: 403, help: 'Who asks has no role that the route is open to.' },
  API_UNKNOWN: { status: 404, help: 'There is nothing at this address.' },
  API_CONFLICT: { status: 409, help: 'An Idempotency-Key stands for another request.' },
  API_TOO_LARGE: { status: 413, help: 'A request is larger than the route takes.' },
  API_MEDIA_TYPE: { status: 415, help: 'The route takes JSON.' },
  API_INTERNAL: { status: 500, help: 'A fault of Picket itself; its log has the details.' },
  API_RECORD: {
    status: 503,
    help: 'The access record could not be written, so nothing was shown.',
  },
  API_UNAVAILABLE: { status: 503, help: 'The part of Picket that answers this is not running.' },
  API_SOCKET: { status: 422, help: 'The control socket could not be made or reached.' },
  RULE_UNKNOWN: { status: 404, help: 'There is no rule, or folder of rules, of this name.' },
  RULES_UNCOMPILED: {
    status: 422,
    help: 'No index could be made of the rules; those before run on.',
  },
  RULES_BROKEN: { status: 422, help: 'A rule does not compile, so nothing was changed.' },
  TLS_FILE: { status: 422, help: 'A certificate or key for TLS cannot be used.' },
  TLS_REQUIRED: { status: 422, help: 'A listener that others reach needs TLS.' },
  ALERT_UNKNOWN: { status: 404, help: 'There is no alert of this id that you may see.' },
  // people
  LOGIN_FAILED: { status: 401, help: 'Name, password or one-time code is wrong.' },
  LOGIN_CODE: { status: 401, help: 'The login needs a one-time code too.' },
  LOGIN_THROTTLED: { status: 429, help: 'There were too many failed logins, or too many at once.' },
  LOGIN_CSRF: { status: 403, help: 'A request of a session lacks its anti-forgery token.' },
  OIDC_OFF: { status: 404, help: 'No OpenID provider is configured.' },
  OIDC_STATE: { status: 400, help: 'A login came back that this browser did not begin.' },
  OIDC_REFUSED: { status: 401, help: 'What the OpenID provider answered does not count.' },
  OIDC_FORBIDDEN: { status: 403, help: 'Who logged in at the OpenID provider may not come in.' },
  OIDC_UNAVAILABLE: { status: 503, help: 'The OpenID provider did not answer.' },
  PASSWORD_CHANGE: { status: 403, help: 'The password must be changed before anything else.' },
  PASSWORD_WEAK: { status: 422, help: 'The password is too short, too long or easily guessed.' },
  USER_EXISTS: { status: 409, help: 'There is a user of this name already.' },
  USER_UNKNOWN: { status: 404, help: 'There is no user of this id.' },
  USER_INVALID: { status: 422, help: 'The name, roles or scope of a user or token do not fit.' },
  USER_LAST_ADMIN: { status: 409, help: 'The change would leave nobody who can administer.' },
  TOKEN_UNKNOWN: { status: 404, help: 'There is no token of this id.' },
  // state
  STATE_UNAVAILABLE: { status: 503, help: 'The state database did not answer.' },
  STATE_FULL: { status: 507, help: 'The state database has no room left on its disk.' },
  STATE_NEWER: { status: 500, help: 'The state was written by a newer version of Picket.' },
  STATE_MISSING: { status: 404, help: 'There is no state database where one was expected.' },
  OUTLET_UNAVAILABLE: { status: 503, help: 'A place where alerts are told could not be reached.' },
  DEAD_LETTER_UNKNOWN: { status: 404, help: 'There is no dead letter of this id.' },
  STATE_SEALED: { status: 500, help: 'A sealed value of the state could not be opened.' },
  // vault: data directory and keys
  DATA_UNUSABLE: { status: 500, help: 'The data directory cannot be made, read or written.' },
  DATA_LOCKED: { status: 409, help: 'Another process is using the data directory.' },
  DATA_NEWER: { status: 409, help: 'The data directory was written by a newer version.' },
  VAULT_KEY_UNREADABLE: { status: 422, help: 'The master key could not be read from its source.' },
  VAULT_KEY_FORM: { status: 422, help: 'The master key is not 32 bytes in hexadecimal or base64.' },
  VAULT_WRONG_KEY: { status: 422, help: 'The data was sealed with another master key.' },
  VAULT_DAMAGED: { status: 500, help: 'A key file is missing or damaged.' },
  // journal
  JOURNAL_FULL: { status: 503, help: 'The journal has reached its byte or age budget.' },
  JOURNAL_DISK: { status: 507, help: 'The journal could not be written to disk.' },
  JOURNAL_BATCH: { status: 413, help: 'A batch is larger than the journal takes.' },
  JOURNAL_CORRUPT: { status: 500, help: 'A record of the journal cannot be read.' },
  JOURNAL_CLOSED: { status: 503, help: 'The journal is closed.' },
  JOURNAL_LOST: { status: 503, help: 'The thread that writes the journal has ended by a fault.' },
  // store and search
  HUNT_LIMIT: { status: 422, help: 'A hunt went over its limit of memory, time or alerts.' },
  HUNT_BUSY: { status: 429, help: 'As many hunts run as may run at once.' },
  HUNT_RESUME: { status: 409, help: 'The checkpoint of a hunt is of another one.' },
  STORE_UNSUPPORTED: { status: 500, help: 'The embedded store has no engine for this platform.' },
  STORE_UNAVAILABLE: { status: 503, help: 'The store did not answer.' },
  STORE_BUSY: { status: 503, help: 'The store answered that it cannot do this now.' },
  STORE_REFUSED: { status: 422, help: 'The store refused a row.' },
  STORE_LIMIT: { status: 422, help: 'A search went over its limit of time, memory or rows.' },
  STORE_CANCELLED: { status: 499, help: 'The search was cancelled.' },
  STORE_QUERY: { status: 500, help: 'The store did not take a statement.' },
  STORE_SCHEMA_NEWER: { status: 409, help: 'The store was written by a newer version.' },
  STORE_AHEAD: { status: 409, help: 'The store holds events that the journal does not know.' },
  STORE_BEHIND: { status: 409, help: 'The store lacks events that were written to it.' },
  SEARCH_INVALID: {
    status: 400,
    help: 'A search was given a value that its template does not take.',
  },
  // query languages and rule files of other products
  QUERY_SYNTAX: { status: 422, help: 'The text of a query is not well-formed.' },
  QUERY_INVALID: { status: 422, help: 'A query is well-formed but does not make sense.' },
  QUERY_UNSUPPORTED: { status: 422, help: 'A query uses something that is not supported here.' },
  QUERY_TOO_LARGE: { status: 422, help: 'A query is too long or nested too deeply.' },
} as const satisfies Record<string, { readonly status: number; readonly help: string }>

export type ErrorCode = keyof typeof ERROR_CODES

/** Where in a text something is wrong; line and column count from 1. */
export interface Place {
  readonly file?: string
  readonly line?: number
  readonly column?: number
  /** Dotted path of the field or key, where there is one. */
  readonly field?: string
}

export interface Problem {
  readonly code: ErrorCode
  /** One sentence, for a person. Never holds a secret. */
  readonly message: string
  readonly at?: Place
  /** What to do about it, where that is known. */
  readonly hint?: string
}

/** Carries a Problem across borders that can only throw. */
export class ProblemError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.message)
    this.name = 'ProblemError'
    this.problem = problem
  }
}

/** `file:line:column: CODE message (hint)`, leaving out what is not known. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, field } = problem.at ?? {}
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  const where = place === '' ? '' : `${place}: `
  const at = field === undefined ? '' : ` [${field}]`
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`
  return `${where}${problem.code}: ${problem.message}${at}${hint}`
}
