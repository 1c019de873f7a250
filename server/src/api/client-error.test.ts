import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { makeWorld, serveAs, type World } from './testing/world.ts'

let world: World | undefined
afterEach(async () => world?.close())

/** Bytes to a listening server; all that it answers until it closes. */
function send(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
}

describe('what is not a request', () => {
  test.each([
    ['a header without end', `GET / HTTP/1.1\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
    ['another protocol', '\u0016\u0003\u0001hello', 400],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
      400,
    ],
    [
      'two senders in one request',
      'GET /api/v1/alerts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n' +
        'authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n',
      400,
    ],
  ])('%s is refused as a problem document, and the connection closed', async (_, bytes, status) => {
    world = await makeWorld()
    const app = serveAs(world, { id: 'u', roles: ['admin'] })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    const answer = await send(port, bytes)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    expect(head).toContain(`HTTP/1.1 ${status} `)
    expect(head).toContain('content-type: application/problem+json')
    expect(JSON.parse(body)).toMatchObject({ status, code: expect.stringMatching(/^API_/) })
    await app.close()
  })
})
