import { stringify } from 'yaml'
import { z } from 'zod'
import { type Config, configSchema } from './schema.ts'

/**
 * The configuration in force, as a file that could be read again: every default filled in. Where a
 * secret is taken from is shown, but for the arguments of a command, which may hold one.
 */
export function renderConfig(config: Config): string {
  const { baseDir, file, ...values } = config
  const shown: Record<string, unknown> = z.encode(configSchema, values)
  const key = values.master_key
  if (key !== undefined && 'command' in key)
    shown['master_key'] = { command: [key.command[0], '…'] }
  const from = file === undefined ? 'No configuration file: the defaults.' : `From ${file}.`
  return `# ${from} Relative paths of sources start at ${baseDir}.\n${stringify(shown)}`
}
