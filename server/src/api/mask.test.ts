import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MASKED, type Principal } from '../model/access.ts'
import { alertOf } from '../state/testing/alerts.ts'
import { Mask, maskAlert, maskRows } from './mask.ts'

const who = (...masks: string[]): Principal => ({
  kind: 'user',
  id: 'u',
  roles: ['analyst'],
  masks,
})

test('a mask hides the field, what is below, what it is within, and its reuse in other field sets', () => {
  const mask = new Mask(['user.name'])
  for (const field of [
    'user.name',
    'user.name.text',
    'source.user.name',
    'user',
    'related.user',
    'message',
    'event.original',
    'value',
    'who',
  ]) {
    expect([field, mask.hides(field)]).toEqual([field, true])
  }
  for (const field of ['user.id', 'device.id', 'event.action', 'correlation', 'my_user.names']) {
    expect([field, mask.hides(field)]).toEqual([field, false])
  }
  expect(new Mask([]).hides('message')).toBe(false)
  // An object that holds what is masked is not shown whole either.
  const deep = new Mask(['tls.client.x509.subject'])
  expect([deep.hides('tls.client.x509'), deep.hides('tls.client.x50')]).toEqual([true, false])
})

test('copies under other names are hidden: aliases, counted values, texts, parts of other values', () => {
  const alert = alertOf({
    rule: { id: 'r', name: 'Brute force on Lovelace', kind: 'value_count' },
    group: { who: 'lovelace', 'source.ip': '192.0.2.7' },
    matched: {
      correlation: ['value_count of user.name gte 3 within 5m'],
      value: ['lovelace'],
      'user.name': ['lovelace'],
      'related.user': ['lovelace'],
      'event.original': ['login of lovelace'],
      'iot.mqtt.client_id': ['LOVELACE-phone', 'other'],
      'iot.mqtt.topic': ['users/lovelace/state'],
      'event.action': ['mqtt-connect'],
    },
  })
  const shown = maskAlert(alert, who('user.name'))
  expect(JSON.stringify(shown)).not.toMatch(/lovelace/i)
  expect(shown.group).toEqual({ who: MASKED, 'source.ip': '192.0.2.7' })
  expect(shown.matched).toMatchObject({
    correlation: ['value_count of user.name gte 3 within 5m'],
    'iot.mqtt.client_id': [MASKED, 'other'],
    'event.action': ['mqtt-connect'],
  })
  expect(maskAlert(alert, { ...who(), masks: [] })).toEqual(alert)
})

test('wherever a masked value stands in an alert, it is not shown', () => {
  const secret = 'zq7-secret'
  const names = ['user.name', 'source.user.name', 'related.user', 'message', 'alias', 'value']
  const other = ['event.action', 'iot.mqtt.topic', 'device.id', 'file.path']
  const text = fc.oneof(
    fc.constant(secret),
    fc.constant(secret.toUpperCase()),
    fc.string().map((before) => `${before}${secret}/x`),
    fc.constantFrom('a', 'pump', ''),
  )
  const fields = fc.dictionary(
    fc.constantFrom(...names, ...other),
    fc.array(text, { maxLength: 3 }),
  )
  fc.assert(
    fc.property(
      fields,
      fc.dictionary(fc.constantFrom(...names, ...other), text),
      (matched, group) => {
        const all = { ...matched, 'user.name': [secret] }
        const shown = maskAlert(alertOf({ matched: all, group }), who('user.name'))
        expect(JSON.stringify(shown).toLowerCase()).not.toContain(secret)
      },
    ),
  )
})

test('rows of searches hide copies too, and what names a device by what the row says it is', () => {
  const columns = ['user.name', 'iot.mqtt.client_id', 'event.action', 'document']
  const rows = [['ada', 'ada-phone', 'mqtt-connect', { a: 1 }]]
  expect(maskRows(columns, rows, ['user'])).toEqual([[MASKED, MASKED, 'mqtt-connect', MASKED]])
  expect(maskRows(columns, rows, undefined)).toEqual(rows)
  const routine = ['device', 'device.field', 'messages', 'topics.names']
  const seen = [
    ['ada', 'user.name', 3, 'users/ada users/bob'],
    ['pump-7', 'device.id', 3, 'pumps/7'],
  ]
  expect(maskRows(routine, seen, ['user.name'])).toEqual([
    [MASKED, 'user.name', 3, MASKED],
    ['pump-7', 'device.id', 3, 'pumps/7'],
  ])
  const last = maskRows(['device', 'last_seen', 'events'], [['pump-7', 'x', 1]], ['device.id'])
  expect(last).toEqual([[MASKED, 'x', 1]])
})
