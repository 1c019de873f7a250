import { sha256Hex } from '../base/hash.ts'
import type { Result } from '../base/result.ts'
import { compileEql } from '../lang/eql/compile.ts'
import { compileKql } from '../lang/kql/compile.ts'
import type { QueryOptions } from '../lang/query.ts'
import type { CompiledQuery } from '../model/query.ts'
import type { CorrelationRule, MatchRule, RuleMeta, RuleProblem } from '../model/rule.ts'
import type { RuleFileText, RuleFormat, RuleReport } from './format.ts'

/** A file that holds one query and nothing else; its name is the id of the rule. */
function queryFormat(
  language: 'eql' | 'kql',
  compile: (text: string, options: QueryOptions) => Result<CompiledQuery>,
): RuleFormat {
  return {
    name: language,
    extensions: [`.${language}`],
    read(files) {
      const matches: MatchRule[] = []
      const correlations: CorrelationRule[] = []
      const reports: RuleReport[] = []
      for (const file of files) {
        const meta = metaOf(language, file)
        const compiled = compile(file.text, { id: meta.id, title: meta.title, meta })
        const problems: RuleProblem[] = []
        if (compiled.ok && compiled.value.pipes.length > 0) {
          const message = 'A rule that is deployed cannot have pipes: they are for searches.'
          problems.push({
            code: 'RULE_UNSUPPORTED',
            message,
            at: { file: file.path },
            severity: 'error',
          })
        } else if (compiled.ok) {
          matches.push(...compiled.value.matches)
          const { correlation } = compiled.value
          if (correlation !== undefined) correlations.push(correlation)
        } else {
          const { problem } = compiled
          problems.push({ ...problem, at: { ...problem.at, file: file.path }, severity: 'error' })
        }
        const { path } = file
        const ok = problems.length === 0
        reports.push({ path, kind: 'rule', meta, ok, problems, tests: [] })
      }
      return { matches, correlations, reports, problems: [] }
    },
  }
}

function metaOf(language: 'eql' | 'kql', { path, text }: RuleFileText): RuleMeta {
  const name = path.replace(/^.*[/\\]/, '').replace(/\.[a-z]+$/, '')
  return {
    id: name,
    title: name,
    language,
    author: '',
    severity: 'medium',
    life: 'live',
    hash: sha256Hex(text),
    tags: [],
    references: [],
    falsepositives: [],
    response: [],
    path,
    line: 1,
  }
}

export const eqlFormat = queryFormat('eql', compileEql)
export const kqlFormat = queryFormat('kql', compileKql)
