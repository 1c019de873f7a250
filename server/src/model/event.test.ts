import { expect, test } from 'vitest'
import { fieldOf } from './event.ts'

test.each<[string, object, unknown]>([
  ['a.b.c', { a: { b: { c: 1 } } }, 1],
  ['a.b.c', { 'a.b': { c: 1 } }, 1],
  ['a.b.c', { a: { 'b.c': 1 } }, 1],
  ['a.b.c', { 'a.b.c': 1, a: { b: { c: 2 } } }, 1],
  // A way that leads nowhere is left for the next.
  ['a.b.c', { a: { x: 1 }, 'a.b': { c: 1 } }, 1],
  ['a.b', { a: [{ b: 1 }, { b: [2, 3] }, null, 4, { c: 5 }] }, [1, 2, 3]],
  ['a.b', { a: [{ c: 1 }] }, undefined],
  ['a.b', { a: null }, undefined],
  ['a.b', { a: 'b' }, undefined],
  ['a', { a: null }, null],
  ['constructor', {}, undefined],
  ['__proto__.x', {}, undefined],
  ['', { '': 1 }, 1],
])('%s of %j', (path, doc, value) => {
  // Twice: what was learnt of a path the first time is used the second.
  for (const _ of [1, 2]) expect(fieldOf(doc as Record<string, unknown>, path)).toEqual(value)
})
