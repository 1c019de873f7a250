import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { openKeyring } from './keyring.ts'
import { createSealer } from './sealer.ts'

const path = mkdtempSync(join(tmpdir(), 'picket-sealer-'))
afterAll(() => rmSync(path, { recursive: true, force: true }))

test('seals for one place; elsewhere, or once its key is gone, it does not open', async () => {
  const keyring = await openKeyring({
    dataDir: { path },
    masterKey: { kind: 'generated' },
    env: {},
    log: SILENT,
  })
  const sealer = createSealer(keyring, 'state', new ManualClock(1))
  const envelope = sealer.seal(Buffer.from('lovelace'), 'alert/default/1')
  expect(Buffer.from(sealer.open(envelope, 'alert/default/1')).toString()).toBe('lovelace')
  expect(() => sealer.open(envelope, 'alert/default/2')).toThrow(/forged/)
  keyring.destroy(keyring.list('state').map((key) => key.id))
  expect(() => sealer.open(envelope, 'alert/default/1')).toThrow(/\(key\)/)
})
