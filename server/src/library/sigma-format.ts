import { readFileSync } from 'node:fs'
import { fail, ok, type Result } from '../base/result.ts'
import { rulesOfCase } from '../lang/sigma/case-rules.ts'
import type { SigmaDocument } from '../lang/sigma/documents.ts'
import { parsePipeline, type Pipeline } from '../lang/sigma/pipeline/pipeline.ts'
import { parseSigmaFile } from '../lang/sigma/read.ts'
import { lowerSigma } from '../lang/sigma/sigma.ts'
import type { SigmaOptions } from '../lang/sigma/source-mapper.ts'
import { parseTests } from '../lang/sigma/tests.ts'
import type { RuleProblem, RuleTest } from '../model/rule.ts'
import { isFine, type RuleFileText, type RuleFormat, type RuleReport } from './format.ts'

/** Sigma rules, correlations and filters, and our lists and macros, in YAML. */
export const sigmaFormat: RuleFormat = {
  name: 'sigma',
  extensions: ['.yml', '.yaml'],
  read(texts, options) {
    const pipeline = pipelineOf(options.pipeline)
    if (!pipeline.ok) {
      const problems = [{ ...pipeline.problem, severity: 'error' } as const]
      return { matches: [], correlations: [], reports: [], problems }
    }
    const files = texts.map(({ path, text }) => parseSigmaFile(text, path))
    const how: SigmaOptions = {
      pipeline: pipeline.value,
      ignoreLogsource: options.ignoreLogsource === true,
    }
    const documents = files.flatMap((file) => file.documents)
    const parsed = new Map(documents.map((each) => [each, each.problems.length]))
    const lowered = lowerSigma(files, how)
    return {
      matches: lowered.matches,
      correlations: lowered.correlations,
      reports: lowered.documents.map((document) => reportOf(document, parsed, how)),
      problems: files.flatMap((file) => file.problems),
    }
  },
}

function pipelineOf(
  name: string | RuleFileText | undefined,
): Result<'default' | 'none' | Pipeline> {
  if (name === undefined || name === 'default') return ok('default')
  if (name === 'none') return ok('none')
  if (typeof name !== 'string') return parsePipeline(name.text, name.path)
  const read = readPipeline(name)
  return read.ok ? parsePipeline(read.value.text, name) : read
}

/** The text of a pipeline file. */
export function readPipeline(path: string): Result<RuleFileText> {
  try {
    return ok({ path, text: readFileSync(path, 'utf8') })
  } catch {
    const message = 'The pipeline could not be read.'
    const hint = 'it is `default`, `none`, or the path of a file'
    return fail({ code: 'RULE_PIPELINE', message, at: { file: path }, hint })
  }
}

/**
 * A further pipeline for the same rules, as one text with that before it. Problems: RULE_PIPELINE and
 * those of reading one; `default` and `none` stand alone.
 */
export function joinPipelines(before: string | RuleFileText, name: string): Result<RuleFileText> {
  const parts: RuleFileText[] = []
  for (const part of [before, name]) {
    if (part === 'default' || part === 'none') {
      const message = `The pipeline "${part}" stands alone: it is not joined to others.`
      return fail({ code: 'RULE_PIPELINE', message })
    }
    const read = typeof part === 'string' ? readPipeline(part) : ok(part)
    if (!read.ok) return read
    const parsed = parsePipeline(read.value.text, read.value.path)
    if (!parsed.ok) return parsed
    parts.push(read.value)
  }
  return ok({
    path: parts.map((part) => part.path).join(', '),
    text: parts.map((part) => part.text).join('\n---\n'),
  })
}

function reportOf(
  document: SigmaDocument,
  parsed: ReadonlyMap<SigmaDocument, number>,
  options: SigmaOptions,
): RuleReport {
  const { kind, meta, problems } = document
  const ok = isFine(document)
  const report = (problem: RuleProblem): void => void problems.push(problem)
  const tests = parseTests(document.tests, report).map(({ test, mocks }): RuleTest => {
    if (mocks === undefined) return test
    const rules = rulesOfCase(document, mocks, { parsed, options, report })
    return rules === undefined ? test : { ...test, rules }
  })
  return { path: meta.path ?? '', kind, meta, ok, problems, tests }
}
