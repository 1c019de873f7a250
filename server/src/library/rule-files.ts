import { statSync } from 'node:fs'
import { basename, relative, sep } from 'node:path'
import type { Problem } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'
import type { RuleFile } from '../model/desks.ts'
import type { RuleProblem } from '../model/rule.ts'
import { findFiles, readText } from './library.ts'

/** The rule files of a path as texts, named from that folder with `/`; all of them or a problem. */
export function readRuleFiles(path: string): Result<readonly RuleFile[]> {
  const problems: RuleProblem[] = []
  const found = findFiles([path], problems)
  const files: RuleFile[] = []
  for (const file of found) {
    const text = readText(file, problems)
    if (text !== undefined) files.push({ path: nameOf(path, file), text })
  }
  const [first] = problems
  if (first !== undefined) return fail(problemOf(first))
  if (files.length > 0) return ok(files)
  return fail({ code: 'INPUT_UNREADABLE', message: 'There is no rule file.', at: { file: path } })
}

function nameOf(path: string, file: string): string {
  if (!statSync(path).isDirectory()) return basename(file)
  return relative(path, file).split(sep).join('/')
}

function problemOf({ code, message, at }: RuleProblem): Problem {
  return { code, message, ...(at !== undefined && { at }) }
}
