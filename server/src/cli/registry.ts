import { registerAlert } from './alert.ts'
import { assetCommand } from './asset.ts'
import { configCommand } from './config.ts'
import type { RegisterCommand } from './context.ts'
import { rulesCommand } from './rules.ts'
import { registerDecoder } from './decoder.ts'
import { registerDeadLetter } from './deadletter.ts'
import { detectCommand } from './detect.ts'
import { huntCommand } from './hunt.ts'
import { filterCommand } from './filter.ts'
import { registerNormalize } from './normalize.ts'
import { registerSearch } from './search.ts'
import { registerSource } from './source.ts'
import { registerToken, registerUser } from './user.ts'

/** Every subcommand of `picket`, in the order of the help text. One line each. */
export const commands: readonly RegisterCommand[] = [
  registerAlert,
  registerDeadLetter,
  registerSearch,
  registerUser,
  registerToken,
  registerSource,
  assetCommand,
  configCommand,
  registerNormalize,
  filterCommand,
  registerDecoder,
  rulesCommand,
  detectCommand,
  huntCommand,
]
