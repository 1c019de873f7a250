import { readFileSync } from 'node:fs'
import { printable } from '../base/printable.ts'
import { formatProblem } from '../base/problems.ts'
import { readMapping } from '../decode/custom/read-mapping.ts'
import { runMappingTests } from '../decode/custom/run-tests.ts'
import { DECODER_ALIASES } from '../decode/aliases.ts'
import { decoders } from '../decode/registry.ts'
import type { CliContext, RegisterCommand } from './context.ts'

/** `picket decoder list` and `picket decoder test FILE…`. */
export const registerDecoder: RegisterCommand = (program, context) => {
  const decoder = program.command('decoder').description('Look at decoders and mapping files.')
  decoder
    .command('list')
    .description('Print every decoder and its options.')
    .action(() => {
      for (const { name, summary, options = {} } of Object.values(decoders)) {
        context.stdout.write(`${name}: ${summary}\n`)
        const others = Object.keys(DECODER_ALIASES).filter((key) => DECODER_ALIASES[key] === name)
        if (others.length > 0) context.stdout.write(`  also: ${others.join(', ')}\n`)
        for (const [key, sentence] of Object.entries(options)) {
          context.stdout.write(`  ${key}: ${sentence}\n`)
        }
      }
    })
  decoder
    .command('test')
    .description('Check mapping files and run the tests that stand in them.')
    .argument('<file...>', 'mapping files (YAML)')
    .action((files: readonly string[]) => {
      let failed = 0
      let broken = 0
      for (const file of files) {
        const ended = testFile(file, context)
        failed += ended === 'failed' ? 1 : 0
        broken += ended === 'broken' ? 1 : 0
      }
      if (broken > 0) context.exit(2)
      else if (failed > 0) context.exit(1)
    })
}

function testFile(file: string, context: CliContext): 'passed' | 'failed' | 'broken' {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    const problem = { code: 'INPUT_UNREADABLE', message: `${file} cannot be read.` } as const
    context.stderr.write(`${formatProblem(problem)}\n`)
    return 'broken'
  }
  const read = readMapping(text, file)
  if (!read.ok) {
    for (const problem of read.problems) context.stderr.write(`${formatProblem(problem)}\n`)
    return 'broken'
  }
  const outcomes = runMappingTests(read.mapping, context.clock.now())
  for (const { test, line, passed, message } of outcomes) {
    if (passed) continue
    context.stdout.write(printable(`${file}:${line}: ${test}: ${message ?? 'failed'}`) + '\n')
  }
  const failed = outcomes.filter(({ passed }) => !passed).length
  context.stdout.write(`${file}: ${outcomes.length} tests, ${failed} failed\n`)
  return failed > 0 ? 'failed' : 'passed'
}
