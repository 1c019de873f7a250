import type { Call, Reply } from '../http/listener.ts'

/** The version that we answer as: what its bulk API takes, we take. */
export const ELASTIC_VERSION = '8.17.0'

const INFO = {
  name: 'picket',
  cluster_name: 'picket',
  cluster_uuid: 'cGlja2V0LXNpZW0tbm9kZQ',
  version: {
    number: ELASTIC_VERSION,
    build_flavor: 'default',
    build_type: 'tar',
    build_hash: 'unknown',
    build_date: '2024-12-11T00:00:00.000Z',
    build_snapshot: false,
    lucene_version: '9.12.0',
    minimum_wire_compatibility_version: '7.17.0',
    minimum_index_compatibility_version: '7.0.0',
  },
  tagline: 'You Know, for Search',
}

const LICENSE = { status: 'active', uid: 'picket', type: 'basic', mode: 'basic' }
const FEATURE = { available: true, enabled: true }

/**
 * What Beats, Elastic Agent, Logstash, Fluent Bit and Vector ask at their start. Templates, pipelines
 * and policies are acknowledged and not kept: Picket has its own schema and retention.
 */
export function answerAsCluster({ method, path }: Pick<Call, 'method' | 'path'>): Reply {
  const isRead = method === 'GET' || method === 'HEAD'
  if (path === '/' && isRead) return found(INFO)
  if (path === '/_license' && isRead) return found({ license: LICENSE })
  if (path === '/_xpack' && isRead) {
    const features = { ilm: FEATURE, security: FEATURE, monitoring: { ...FEATURE, enabled: false } }
    return found({ license: LICENSE, features, tagline: INFO.tagline })
  }
  if (path.startsWith('/_cluster/health') && isRead) {
    const counts = { number_of_nodes: 1, number_of_data_nodes: 1, unassigned_shards: 0 }
    return found({ cluster_name: 'picket', status: 'green', timed_out: false, ...counts })
  }
  if (path.startsWith('/_nodes') && isRead) {
    const node = { name: 'picket', version: ELASTIC_VERSION, roles: ['data', 'ingest', 'master'] }
    return found({ cluster_name: 'picket', nodes: { picket: node } })
  }
  const [, kind, name] = SETUP.exec(path) ?? []
  if (kind !== undefined) return isRead ? setupOf(kind, name ?? '*') : acknowledged(method)
  // `HEAD index` asks whether an index, alias or data stream is there: writing makes it so.
  if (method === 'HEAD' && /^\/[^/_][^/]*$/.test(path)) return { status: 200 }
  if (method === 'PUT' && /^\/[^/_][^/]*$/.test(path)) return acknowledged(method)
  return failure(404, 'invalid_index_name_exception', `no handler found for [${method} ${path}]`)
}

const SETUP =
  /^\/(_index_template|_component_template|_template|_ilm\/policy|_ingest\/pipeline|_data_stream)(?:\/([^/]{1,512}))?$/

function setupOf(kind: string, name: string): Reply {
  switch (kind) {
    case '_index_template':
      return found({ index_templates: [{ name, index_template: { index_patterns: [name] } }] })
    case '_component_template':
      return found({ component_templates: [{ name, component_template: { template: {} } }] })
    case '_data_stream':
      return found({ data_streams: [{ name, status: 'GREEN' }] })
    case '_ilm/policy':
      return found({ [name]: { version: 1, policy: { phases: {} } } })
    default:
      return found({ [name]: { version: 1 } })
  }
}

function found(body: unknown): Reply {
  return { status: 200, body }
}

function acknowledged(method: string): Reply {
  if (method !== 'PUT' && method !== 'POST' && method !== 'DELETE') return { status: 405 }
  return { status: 200, body: { acknowledged: true } }
}

/** An error in Elasticsearch's form. */
export function failure(status: number, type: string, reason: string): Reply {
  const cause = { type, reason }
  return { status, body: { error: { root_cause: [cause], ...cause }, status } }
}
