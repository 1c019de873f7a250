import type { SigmaDocument } from '../lang/sigma/documents.ts'
import { parseSigmaFile } from '../lang/sigma/read.ts'
import { lowerSigma } from '../lang/sigma/sigma.ts'
import { parseTests } from '../lang/sigma/tests.ts'
import type { RuleFormat, RuleReport } from './format.ts'

/** Sigma rules, correlations and filters, and our lists and macros, in YAML. */
export const sigmaFormat: RuleFormat = {
  name: 'sigma',
  extensions: ['.yml', '.yaml'],
  read(texts, options) {
    const files = texts.map(({ path, text }) => parseSigmaFile(text, path))
    const pipeline = options.pipeline === 'none' ? 'none' : 'default'
    const lowered = lowerSigma(files, {
      pipeline,
      ignoreLogsource: options.ignoreLogsource === true,
    })
    return {
      matches: lowered.matches,
      correlations: lowered.correlations,
      reports: lowered.documents.map(reportOf),
      problems: files.flatMap((file) => file.problems),
    }
  },
}

function reportOf(document: SigmaDocument): RuleReport {
  const { kind, meta, problems } = document
  const tests = parseTests(document.tests, (problem) => void problems.push(problem))
  const ok = !problems.some((problem) => problem.severity === 'error')
  return { path: meta.path ?? '', kind, meta, ok, problems, tests }
}
