import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StoreClient } from '../client.ts'
import { identifier, p, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { openStoreFixture } from '../testing/store-fixture.ts'
import type { StoreFixture } from '../testing/store-fixture.ts'
import { connectStore } from '../client.ts'

/**
 * What the searches' user must not be able to do, should SQL of an analyst ever reach the engine.
 * Runs at every upgrade of the engine: a new function or statement that opens a way out shows here.
 */
let store: StoreFixture
let reader: StoreClient
beforeAll(async () => {
  store = await openStoreFixture()
  reader = store.engine.client('reader')
})
afterAll(() => store.close())

const ESCAPES: Readonly<Record<string, Sql>> = {
  'read a file by function': sql`SELECT file('/etc/passwd')`,
  'read a key beside the store': sql`SELECT file('../../first-run.json')`,
  'read the environment of the parent': sql`SELECT file('/proc/1/environ')`,
  'read a file by table': sql`SELECT * FROM file('/etc/passwd', 'LineAsString', 'l String')`,
  'describe a file': sql`DESCRIBE TABLE file('/etc/passwd')`,
  'fetch an address': sql`SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'l String')`,
  'describe an address': sql`DESCRIBE TABLE url('http://127.0.0.1:1/', 'CSV')`,
  'ask another server': sql`SELECT * FROM remote('127.0.0.1:1', 'picket.events')`,
  'ask a bucket': sql`SELECT * FROM s3('http://127.0.0.1:1/b/k', 'LineAsString', 'l String')`,
  'ask a database': sql`SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')`,
  'run a program': sql`SELECT * FROM executable('id', 'TSV', 'l String')`,
  'write into a file': sql`SELECT 1 INTO OUTFILE '/tmp/picket-escape'`,
  'write into a table file': sql`INSERT INTO FUNCTION file('/tmp/picket-escape', 'CSV', 'a String')
    SELECT 'x'`,
  'back up to a disk': sql`BACKUP TABLE picket.events TO File('/tmp/picket-escape')`,
  'back up to a bucket': sql`BACKUP TABLE picket.events TO S3('http://127.0.0.1:1/b', 'a', 'b')`,
  'insert an event': sql`INSERT INTO picket.events (id) VALUES ('x')`,
  'delete events': sql`DELETE FROM picket.events WHERE 1`,
  'change events': sql`ALTER TABLE picket.events UPDATE id = 'x' WHERE 1`,
  'drop a table': sql`DROP TABLE picket.events`,
  'empty a table': sql`TRUNCATE TABLE picket.events`,
  'make a table': sql`CREATE TABLE picket.mine (a Int32) ENGINE = MergeTree ORDER BY a`,
  'make a temporary table': sql`CREATE TEMPORARY TABLE mine (a Int32)`,
  'make a function': sql`CREATE FUNCTION mine AS (x) -> x`,
  'make a dictionary': sql`CREATE DICTIONARY picket.d (a UInt64) PRIMARY KEY a
    SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)`,
  'make a user': sql`CREATE USER mine`,
  'take a grant': sql`GRANT ALL ON *.* TO picket_reader`,
  'end a query': sql`KILL QUERY WHERE 1`,
  'see the queries': sql`SELECT * FROM system.processes`,
  'see the queries in words': sql`SHOW PROCESSLIST`,
  'see the users': sql`SELECT * FROM system.users`,
  'see the disks': sql`SELECT * FROM system.disks`,
  'see the server settings': sql`SELECT * FROM system.server_settings`,
  'see another table of ours': sql`SELECT * FROM picket.marks`,
  'see all tables': sql`SELECT * FROM information_schema.tables`,
  'stop the engine': sql`SYSTEM SHUTDOWN`,
  'open a listener': sql`SYSTEM START LISTEN TCP`,
  'lift the read-only mode': sql`SET readonly = 0`,
  'lift it for one query': sql`SELECT 1 SETTINGS readonly = 0`,
  'lift the memory limit': sql`SELECT 1 SETTINGS max_memory_usage = 0`,
  'run several statements': sql`SELECT 1; DROP TABLE picket.events`,
}

/** The engine itself lets these happen; what stops them is Landlock, which older kernels lack. */
const BY_FENCE = new Set([
  'read a file by function',
  'read a key beside the store',
  'read the environment of the parent',
])

describe('the searches user', () => {
  test.for(Object.entries(ESCAPES))('cannot %s', async ([what, statement], { skip }) => {
    const unfenced = BY_FENCE.has(what) && !store.engine.fenced()
    skip(unfenced && process.env['REQUIRE_SERVICES'] !== '1', 'this kernel has no landlock')
    await expect(reader.query(statement)).rejects.toMatchObject({ name: 'StoreError' })
    await expect(reader.command(statement)).rejects.toMatchObject({ name: 'StoreError' })
  })

  test.each(['file', 'url', 'remote', 'merge'])(
    'cannot name the table %s by parameter',
    async (name) => {
      const query = sql`SELECT * FROM ${p('Identifier', `${name}('/etc/passwd')`)}`
      await expect(reader.query(query)).rejects.toMatchObject({ name: 'StoreError' })
      expect(() => identifier(`${name}('/etc/passwd')`)).toThrow('not the name')
    },
  )

  test('can read events and rollups', async () => {
    for (const table of [sql`events`, sql`rollups`]) {
      const found = await reader.query(sql`SELECT count() FROM picket.${table}`)
      expect(found.rows).toEqual([[0]])
    }
  })

  test('cannot be played by somebody who knows the address but not the password', async () => {
    const port = await store.engine.client('admin').query(sql`SELECT getServerPort('http_port')`)
    const url = `http://127.0.0.1:${Number(port.rows[0]?.[0])}`
    const stranger = connectStore({ url, username: 'picket_reader', password: 'guess' })
    await expect(stranger.query(sql`SELECT 1`)).rejects.toMatchObject({ name: 'StoreError' })
    await stranger.close()
  })
})
