/** The server of examples/shutdown.mjs, told to end in the midst of its writes. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { eventually } from './helpers/block.ts'
import { runScript, spawnHolder } from './helpers/child.ts'
import { Running } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'
import { lockSize, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const EXAMPLE = fileURLToPath(new URL('../examples/shutdown.mjs', import.meta.url))

async function startServer(t: ExecutionContext, dir: string, ...args: string[]) {
  const server = new Running(t, process.execPath, [EXAMPLE, join(dir, 'app.db'), ...args])
  const url = await server.line()
  if (!url) throw new Error(server.stderr)
  return { server, url }
}

/** Asks for a record. What has `begun` is with the server, which has issued the write before it told so. */
function post(url: string, agent: Agent) {
  const asked = request(url, { method: 'POST', agent, headers: { expect: '100-continue' } })
  const begun = once(asked, 'continue').then(() => void asked.end())
  const answer = once(asked, 'response').then(async ([response]) => {
    const { statusCode: status, headers } = response
    return { status, connection: headers.connection, body: (await text(response)).trim() }
  })
  return { begun, answer }
}

const isRefused = (url: string) =>
  new Promise<boolean>(resolve => {
    const socket = connect(Number(new URL(url).port), 'localhost')
    socket
      .on('error', () => resolve(true))
      .on('connect', () => {
        socket.destroy()
        resolve(false)
      })
  })

const idsIn = (t: ExecutionContext, dir: string) =>
  openDb(t, dir)
    .getAllRecords()
    .map(row => row.id)

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  posix('signals')(
    `${signal}: writes that wait for the lock are written and answered, then it ends with 0`,
    async t => {
      const dir = tmpDir(t)
      const { server, url } = await startServer(t, dir, '30000')
      const agent = new Agent({ keepAlive: true })
      const lock = await openLocker(t, dir).acquire()
      const posts = Array.from({ length: 20 }, () => post(url, agent))
      await Promise.all(posts.map(({ begun }) => begun))
      server.child.kill(signal)
      await eventually(t, () => isRefused(url))
      await lock.release()
      const answers = await Promise.all(posts.map(({ answer }) => answer))
      t.true(answers.every(({ status, connection }) => status === 201 && connection === 'close'))
      t.is(await server.ended(), 0, server.stderr)
      t.is(lockSize(dir), 0)
      t.false(existsSync(join(dir, 'app.db-wal')), 'it was the last to have it open')
      const ids = answers.map(({ body }) => Number(body))
      t.deepEqual(
        idsIn(t, dir),
        ids.toSorted((a, b) => a - b)
      )
    }
  )
}

posix('signals')(
  'of requests that keep coming each that was answered is in the file, and nothing else',
  async t => {
    const dir = tmpDir(t)
    const { server, url } = await startServer(t, dir, '30000')
    const agent = new Agent({ keepAlive: true })
    const answered: number[] = []
    const refusals: number[] = []
    const client = async () => {
      for (;;) {
        const { begun, answer } = post(url, agent)
        begun.catch(() => {})
        const { status, body } = await answer
        if (status === 201) answered.push(Number(body))
        else refusals.push(status)
        if (answered.length === 100) server.child.kill('SIGTERM')
      }
    }
    const clients = await Promise.allSettled(Array.from({ length: 8 }, client))
    for (const { reason } of clients as PromiseRejectedResult[])
      t.true(['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(reason.code), reason.stack)
    t.is(await server.ended(), 0, server.stderr)
    t.true(answered.length >= 100)
    t.deepEqual(refusals, [])
    t.deepEqual(
      idsIn(t, dir),
      answered.toSorted((a, b) => a - b)
    )
    t.false((await openLocker(t, dir).status()).locked)
  }
)

posix('signals')('a worker of a cluster ends with 0, too', async t => {
  const dir = tmpDir(t)
  const script = `
    const { fork, setupPrimary } = require('node:cluster')
    setupPrimary({ exec: ${JSON.stringify(EXAMPLE)}, execArgv: [], args: [dir + '/app.db', '50'] })
    const worker = fork()
    worker.on('listening', () => worker.process.kill('SIGINT'))
    worker.on('exit', (code, signal) => process.exit(signal ? 2 : code))`
  const { code, stderr } = await runScript(t, dir, script)
  t.is(code, 0, stderr)
})

posix('signals')(
  'a lock that others keep: what waits for it is answered with 503, and it ends with 0',
  async t => {
    const dir = tmpDir(t)
    const { server, url } = await startServer(t, dir, '50')
    const agent = new Agent({ keepAlive: true })
    t.is((await Promise.all(Object.values(post(url, agent))))[1]?.status, 201)
    const holder = await spawnHolder(t, dir)
    const posts = Array.from({ length: 20 }, () => post(url, agent))
    await Promise.all(posts.map(({ begun }) => begun))
    server.child.kill('SIGTERM')
    for (const { answer } of posts) {
      const { status, body } = await answer
      t.is(status, 503)
      t.regex(body, /closed/)
    }
    t.is(await server.ended(), 0, server.stderr)
    t.is((await openLocker(t, dir).status()).holder?.pid, holder.pid)
    t.is(idsIn(t, dir).length, 1)
  }
)
