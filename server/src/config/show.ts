import { stringify } from 'yaml'
import { z } from 'zod'
import { type Config, configSchema } from './schema.ts'

/** The configuration in force as plain data, secrets left out: only where they are taken from. */
export function effectiveConfig(config: Config): Record<string, unknown> {
  const { baseDir: _baseDir, file: _file, ...values } = config
  const shown: Record<string, unknown> = z.encode(configSchema, values)
  const key = values.master_key
  // The arguments of a command may hold a secret.
  if (key !== undefined && 'command' in key)
    shown['master_key'] = { command: [key.command[0], '…'] }
  return shown
}

/** The configuration in force, as a file that could be read again: every default filled in. */
export function renderConfig(config: Config): string {
  const from =
    config.file === undefined ? 'No configuration file: the defaults.' : `From ${config.file}.`
  const place = `# ${from} Relative paths of sources start at ${config.baseDir}.`
  return `${place}\n${stringify(effectiveConfig(config))}`
}
