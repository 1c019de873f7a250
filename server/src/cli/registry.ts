import { configCommand } from './config.ts'
import type { RegisterCommand } from './context.ts'

/** Every subcommand of `picket`, in the order of the help text. One line each. */
export const commands: readonly RegisterCommand[] = [configCommand]
