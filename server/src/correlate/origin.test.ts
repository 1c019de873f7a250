import { describe, expect, test } from 'vitest'
import { ALERT_SCOPE_MAX } from '../model/alert.ts'
import { addOrigins, originOf, scopeOf, UNTOLD } from './origin.ts'

const of = (site?: string | string[], type?: string, dataset = 'mosquitto') =>
  originOf({
    event: { dataset },
    ...(site !== undefined && { iot: { site } }),
    ...(type !== undefined && { device: { type } }),
  })

function gather(...from: (string | undefined)[]): string[] {
  const origins: string[] = []
  addOrigins(origins, from)
  return origins
}

describe('the scope of an alert', () => {
  test('names every site, type and dataset of its events, once', () => {
    const origins = gather(of('oslo', 'pump'), of('bergen', 'pump'), of('oslo', 'pump'))
    expect(origins).toHaveLength(2)
    expect(scopeOf(origins)).toEqual({
      sites: ['bergen', 'oslo'],
      deviceTypes: ['pump'],
      datasets: ['mosquitto'],
      complete: true,
    })
  })

  test('is not complete where an event does not tell, or tells too much', () => {
    expect(scopeOf(gather(of('oslo'), undefined))?.complete).toBe(false)
    expect(of(['oslo', 'bergen'])).toBeUndefined()
    expect(of('x'.repeat(100_000))).toBeUndefined()
    expect(of('x'.repeat(900))).toContain('xxx')
    expect(scopeOf(gather(of('oslo'), of()))).toMatchObject({ sites: ['oslo'], complete: false })
    expect(scopeOf(gather(of(), of()))).toMatchObject({ sites: [], complete: true })
    const many = Array.from({ length: ALERT_SCOPE_MAX + 1 }, (_, n) => of(`site-${n}`))
    expect(scopeOf(gather(...many))).toMatchObject({ complete: false })
    expect(scopeOf(gather(...many))?.sites).toHaveLength(ALERT_SCOPE_MAX)
    expect(scopeOf(gather(...many.slice(1)))).toMatchObject({ complete: true })
    const more = Array.from({ length: 1_000 }, (_, n) => of(`site-${n}`))
    expect(gather(...more)).toHaveLength(257)
    expect(gather(...more)).toContain(UNTOLD)
    expect(scopeOf([])).toBeUndefined()
  })
})

test('each site, type and dataset make an origin of their own, whichever came before', () => {
  const values = ['a', 'b', undefined] as const
  for (const round of [1, 2]) {
    for (const site of values) {
      for (const type of values) {
        for (const dataset of values) {
          const doc = {
            ...(site !== undefined && { iot: { site } }),
            ...(type !== undefined && { device: { type } }),
            ...(dataset !== undefined && { event: { dataset } }),
          }
          const text = JSON.stringify([site ?? null, type ?? null, dataset ?? null])
          expect(originOf(doc), `round ${round}`).toBe(text)
        }
      }
    }
  }
})
