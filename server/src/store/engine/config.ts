import { sha256Hex } from '../../base/hash.ts'
import { DATABASE } from '../schema/names.ts'

/** Who connects: `admin` migrates and cancels, `writer` inserts and reads back, `reader` searches. */
export const ROLES = ['admin', 'writer', 'reader'] as const
export type Role = (typeof ROLES)[number]

/** Demanded of every request, so that no other program of this machine gets an answer. */
export const KEY_HEADER = 'X-Picket-Key'

export interface EngineSecrets {
  readonly key: string
  readonly passwords: Readonly<Record<Role, string>>
}

export interface EngineLimits {
  /** What the whole engine may hold. */
  readonly memoryBytesMax: number
  /** What one search may hold. */
  readonly searchBytesMax: number
  /** Threads of one search or insert. */
  readonly threadsMax: number
  readonly searchSecondsMax: number
}

export const ENGINE_LIMITS: EngineLimits = {
  memoryBytesMax: 768 * 1024 * 1024,
  searchBytesMax: 256 * 1024 * 1024,
  threadsMax: 2,
  searchSecondsMax: 600,
}

/** The engine's configuration file; `usersFile` is where the other one stands. */
export function engineConfig(options: {
  readonly port: number
  readonly usersFile: string
  readonly secrets: EngineSecrets
  readonly limits: EngineLimits
}): string {
  const { port, usersFile, secrets, limits } = options
  return `<clickhouse>
  <http_port>${port}</http_port>
  <listen_host>127.0.0.1</listen_host>
  <users_config>${escapeXml(usersFile)}</users_config>
  <http_handlers>
    <rule>
      <headers><${KEY_HEADER}>${secrets.key}</${KEY_HEADER}></headers>
      <handler>
        <type>dynamic_query_handler</type><query_param_name>query</query_param_name>
      </handler>
    </rule>
  </http_handlers>
  <access_control_improvements>${settings({
    users_without_row_policies_can_read_rows: true,
    on_cluster_queries_require_cluster_grant: true,
    select_from_system_db_requires_grant: true,
    select_from_information_schema_requires_grant: true,
    settings_constraints_replace_previous: true,
    table_engines_require_grant: true,
  })}
  </access_control_improvements>
  <timezone>UTC</timezone>${settings({
    max_server_memory_usage: limits.memoryBytesMax,
    max_concurrent_queries: 40,
    max_thread_pool_size: 200,
    mark_cache_size: 32 * 1024 * 1024,
    uncompressed_cache_size: 0,
    background_pool_size: 2,
    background_merges_mutations_concurrency_ratio: 1,
    background_move_pool_size: 1,
    background_fetches_pool_size: 1,
    background_common_pool_size: 2,
    background_schedule_pool_size: 4,
  })}
  <merge_tree>${settings({
    number_of_free_entries_in_pool_to_execute_mutation: 1,
    number_of_free_entries_in_pool_to_lower_max_size_of_merge: 1,
    number_of_free_entries_in_pool_to_execute_optimize_entire_partition: 1,
  })}
  </merge_tree>
</clickhouse>
`
}

/**
 * Users, profiles and grants. A search may set only what is listed under `constraints`; its user
 * has SELECT on our two tables and nothing else. `default` runs the start-up statements alone.
 */
export function engineUsers(secrets: EngineSecrets, limits: EngineLimits): string {
  return `<clickhouse>
  <profiles>
    <default><max_threads>${limits.threadsMax}</max_threads></default>
    <writer>
      <max_threads>${limits.threadsMax}</max_threads>
      <max_insert_threads>1</max_insert_threads>
      <async_insert>0</async_insert>
    </writer>
    <reader>
      <readonly>1</readonly>${settings({
        max_threads: limits.threadsMax,
        max_memory_usage: limits.searchBytesMax,
        max_bytes_before_external_sort: Math.floor(limits.searchBytesMax / 3),
        max_bytes_before_external_group_by: Math.floor(limits.searchBytesMax / 3),
        max_execution_time: 60,
        max_concurrent_queries_for_user: 8,
        max_query_size: 1024 * 1024,
        cancel_http_readonly_queries_on_client_close: true,
        max_ast_depth: 200,
        max_ast_elements: 20_000,
        output_format_json_quote_64bit_integers: false,
      })}
      <constraints>
        <max_execution_time>
          <changeable_in_readonly/><min>1</min><max>${limits.searchSecondsMax}</max>
        </max_execution_time>
        <max_rows_to_read><changeable_in_readonly/></max_rows_to_read>
        <max_result_rows><changeable_in_readonly/></max_result_rows>
      </constraints>
    </reader>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password>
      ${REACH}
      <profile>default</profile>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
        <query>GRANT READ, WRITE ON FILE</query>
      </grants>
    </default>
${ROLES.map((role) => userOf(role, secrets.passwords[role])).join('\n')}
  </users>
</clickhouse>
`
}

const REACH = '<networks><ip>127.0.0.1</ip></networks><quota>default</quota>'

const PROFILES: Readonly<Record<Role, string>> = {
  admin: 'default',
  writer: 'writer',
  reader: 'reader',
}

const GRANTS: Readonly<Record<Role, readonly string[]>> = {
  admin: [
    `GRANT ALL ON ${DATABASE}.*`,
    'GRANT KILL QUERY ON *.*',
    'GRANT SELECT ON system.*',
    'GRANT TABLE ENGINE ON MergeTree',
  ],
  writer: [`GRANT SELECT, INSERT ON ${DATABASE}.*`],
  reader: [`GRANT SELECT ON ${DATABASE}.events`, `GRANT SELECT ON ${DATABASE}.rollups`],
}

export function userName(role: Role): string {
  return `picket_${role}`
}

function userOf(role: Role, password: string): string {
  const grants = GRANTS[role].map((grant) => `        <query>${grant}</query>`).join('\n')
  return `    <${userName(role)}>
      <password_sha256_hex>${sha256Hex(password)}</password_sha256_hex>
      ${REACH}
      <profile>${PROFILES[role]}</profile>
      <grants>
${grants}
      </grants>
    </${userName(role)}>`
}

function settings(values: Readonly<Record<string, number | boolean>>): string {
  return Object.entries(values)
    .map(([name, value]) => `\n    <${name}>${value}</${name}>`)
    .join('')
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
