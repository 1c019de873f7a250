/** Sends prepared requests as fast as they are taken; run as a process of its own by listen.ts. */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import type { ListenJob } from './listen.ts'

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ListenJob
const body = readFileSync(job.bodyFile)

async function overHttp(agent: Agent): Promise<void> {
  let left = job.requests
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const status = await post(agent)
      if (status !== 200) throw new Error(`answered ${status}`)
    }
  }
  await Promise.all(Array.from({ length: job.lanes }, lane))
}

function post(agent: Agent): Promise<number> {
  const { port, path, headers } = job
  const own = { ...headers, 'content-length': body.length }
  return new Promise((resolve, reject) => {
    const made = request(
      { host: '127.0.0.1', port, path, method: 'POST', agent, headers: own },
      (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
      },
    )
    made.on('error', reject).end(body)
  })
}

async function overTcp(): Promise<void> {
  const lane = async (): Promise<void> => {
    const socket = connect(job.port, '127.0.0.1')
    for (let left = job.requests / job.lanes; left > 0; left -= 1) {
      if (!socket.write(body)) await new Promise((resolve) => socket.once('drain', resolve))
    }
    await new Promise<void>((resolve) => socket.end(() => resolve()))
  }
  await Promise.all(Array.from({ length: job.lanes }, lane))
}

const agent = new Agent({ keepAlive: true, maxSockets: job.lanes })
await (job.transport === 'http' ? overHttp(agent) : overTcp())
agent.destroy()
