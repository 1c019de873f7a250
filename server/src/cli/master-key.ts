import type { Config } from '../config/schema.ts'
import type { MasterKeySource } from '../vault/master-key.ts'

/** What the configuration says of the master key, in the vault's words. */
export function masterKeySource(key: Config['master_key']): MasterKeySource {
  if (key === undefined) return { kind: 'generated' }
  if ('env' in key) return { kind: 'env', name: key.env }
  if ('file' in key) return { kind: 'file', path: key.file }
  return { kind: 'command', argv: key.command }
}
