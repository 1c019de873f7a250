import { expect, test } from 'vitest'
import { isLoopback } from './net.ts'

test('only what this machine alone reaches is loopback', () => {
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', '[::1]', 'LOCALHOST', '::ffff:127.0.0.1']) {
    expect([host, isLoopback(host)]).toEqual([host, true])
  }
  for (const host of [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.0.0.1.evil.example',
    'localhost.example',
    '',
  ]) {
    expect([host, isLoopback(host)]).toEqual([host, false])
  }
})
