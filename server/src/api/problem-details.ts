import { z } from 'zod'
import { ERROR_CODES, type ErrorCode, type Problem, ProblemError } from '../base/problems.ts'

/** RFC 9457, with the project's code, and what is wrong field by field. */
export const problemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  hint: z.string().optional(),
  requestId: z.string(),
  errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
})
export type ProblemDetails = z.infer<typeof problemSchema>

export const PROBLEM_TYPE = 'application/problem+json'
const ERRORS_MAX = 20

export function problemDetails(problem: Problem, requestId: string): ProblemDetails {
  const { status, help } = ERROR_CODES[problem.code]
  return {
    type: `urn:picket:problem:${problem.code}`,
    title: help,
    status,
    code: problem.code,
    detail: problem.message,
    ...(problem.hint !== undefined && { hint: problem.hint }),
    requestId,
  }
}

/** What zod found, as problem details. Values are not repeated: they may be secrets. */
export function invalidDetails(
  error: z.ZodError,
  where: string,
  requestId: string,
): ProblemDetails {
  const errors = error.issues.slice(0, ERRORS_MAX).map((issue) => ({
    field: [where, ...issue.path.map(String)].join('.'),
    message: issue.message,
  }))
  const first = errors[0]
  const message =
    first === undefined ? 'The request is not valid.' : `${first.field}: ${first.message}`
  return { ...problemDetails({ code: 'API_INVALID', message }, requestId), errors }
}

/** Fastify's own refusals, by our codes; undefined for what is a fault of ours. */
export function knownProblem(error: unknown): Problem | undefined {
  if (error instanceof ProblemError) return error.problem
  const { code, statusCode, message } = error as {
    code?: unknown
    statusCode?: unknown
    message?: unknown
  }
  const text = typeof message === 'string' ? message : 'The request was refused.'
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return named('API_TOO_LARGE', 'A name in the path is longer than 256 characters.')
  }
  if (code === 'FST_ERR_BAD_URL') return named('API_INVALID', 'The path is not valid UTF-8.')
  if (statusCode === 413) return named('API_TOO_LARGE', text)
  if (statusCode === 415) return named('API_MEDIA_TYPE', text)
  if (statusCode === 404) return named('API_UNKNOWN', text)
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return named('API_INVALID', text)
  }
  return undefined
}

function named(code: ErrorCode, message: string): Problem {
  return { code, message }
}
