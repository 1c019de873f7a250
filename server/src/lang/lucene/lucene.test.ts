import { describe, expect, test } from 'vitest'
import type { EcsDoc } from '../../model/event.ts'
import { interpret } from '../../rule/interpret.ts'
import { compileLucene } from './compile.ts'

function finds(query: string, doc: EcsDoc): boolean | string {
  const compiled = compileLucene(query)
  return compiled.ok ? interpret(compiled.value, doc) : compiled.problem.code
}

describe('Lucene query strings', () => {
  test.each<[string, EcsDoc, boolean | string]>([
    ['a:x AND b:y', { a: 'x', b: 'y' }, true],
    ['a:x AND b:y', { a: 'x' }, false],
    ['a:x b:y', { b: 'y' }, true],
    ['a:x OR b:y AND c:z', { a: 'x' }, true],
    ['a:x && !b:y', { a: 'x' }, true],
    ['a:x AND NOT b:(y OR z)', { a: 'x', b: 'z' }, false],
    ['a:(x y)', { a: 'y' }, true],
    ['a:(x AND y)', { a: ['x', 'y'] }, true],
    ['a:"x y"', { a: 'x y' }, true],
    ['a:x*z?', { a: 'xyyza' }, true],
    ['a:X', { a: 'x' }, false],
    ['a:/2[0-9]{3}/', { a: '2755' }, true],
    ['a:/2[0-9]{3}/', { a: '27555' }, false],
    ['a:[1 TO 5]', { a: 5 }, true],
    ['a:[1 TO 5}', { a: 5 }, false],
    ['a:[1 TO *]', { a: 7 }, true],
    ['a:>=10', { a: 10 }, true],
    ['a:<10', { a: 10 }, false],
    ['_exists_:a.b', { a: { b: '' } }, true],
    ['NOT _exists_:a.b', {}, true],
    ['a:*', { a: 1 }, true],
    ['*:*', {}, true],
    ['', {}, true],
    ['x\\:y:1', { 'x:y': 1 }, true],
    ['a:x\\ y', { a: 'x y' }, true],
    ['source.ip:"10.0.0.0/8"', { source: { ip: '10.9.9.9' } }, true],
    ['a:/tmp\\/x/', { a: 'tmp/x' }, true],
    ['message:denied', { message: 'Access Denied.' }, true],
    ['hello', { b: 'well hello there' }, true],
    ['a:x~2', {}, 'QUERY_SYNTAX'],
    ['a:x^2', {}, 'QUERY_SYNTAX'],
    ['a:(x', {}, 'QUERY_SYNTAX'],
    [`${'('.repeat(9_999)}a`, {}, 'QUERY_TOO_LARGE'],
  ])('%s on %j: %s', (query, doc, expected) => {
    expect(finds(query, doc)).toBe(expected)
  })
})
