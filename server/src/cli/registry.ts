import { configCommand } from './config.ts'
import type { RegisterCommand } from './context.ts'
import { registerNormalize } from './normalize.ts'

/** Every subcommand of `picket`, in the order of the help text. One line each. */
export const commands: readonly RegisterCommand[] = [configCommand, registerNormalize]
