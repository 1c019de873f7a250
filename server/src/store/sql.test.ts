import { expect, test } from 'vitest'
import { allOf, anyOf, p, renderSql, sql } from './sql.ts'

test('no condition at all holds for everything, none of no alternatives for nothing', () => {
  expect([renderSql(allOf([])).text, renderSql(anyOf([])).text]).toEqual(['1', '0'])
  const two = [sql`a = ${p('String', 'x')}`, sql`b = ${p('String', "'; DROP TABLE y")}`]
  expect(renderSql(anyOf(two))).toEqual({
    text: '(a = {p0:String}) OR (b = {p1:String})',
    params: { p0: 'x', p1: "'; DROP TABLE y" },
  })
  expect(renderSql(allOf(two)).text).toBe('(a = {p0:String}) AND (b = {p1:String})')
})
