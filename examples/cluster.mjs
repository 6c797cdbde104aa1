/**
 * A web server in a cluster: each process answers POST with the id of a new record. One of them is killed in the midst of it and
 * another one takes its place; every answer that was given is in the database, once.
 */
import assert from 'node:assert/strict'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DB, LockTimeout } from 'sqlock'

const [PROCESSES, CLIENTS, REQUESTS] = [4, 16, 600]

if (cluster.isPrimary) await run(mkdtempSync(join(tmpdir(), 'sqlock-')))
else serve(new DB(process.env.DB_FILE))

function serve(db) {
  const server = createServer(async ({ method, url }, response) => {
    if (method === 'GET') return response.end(JSON.stringify(db.getAllRecords()))
    try {
      response.writeHead(201).end(String(await db.createRecord(url, process.pid)))
    } catch (error) {
      // Nothing was written: who has asked may try again.
      response.writeHead(error instanceof LockTimeout ? 503 : 500).end(error.message)
    }
  })
  server.listen(0)
}

async function run(dir) {
  const fork = () => cluster.fork({ DB_FILE: join(dir, 'app.db') })
  for (let n = 0; n < PROCESSES; n++) fork()
  cluster.on('exit', fork)
  const [, { port }] = await once(cluster, 'listening')

  const [ids, unanswered] = [new Map(), []]
  let next = 0
  const client = async () => {
    while (next < REQUESTS) {
      const path = `/orders/${next++}`
      if (next === REQUESTS / 2) Object.values(cluster.workers)[0].process.kill('SIGKILL')
      const answer = await fetch(`http://localhost:${port}${path}`, { method: 'POST' }).catch(() => null)
      if (answer?.status === 201) ids.set(path, Number(await answer.text()))
      else unanswered.push(path)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))

  const records = await (await fetch(`http://localhost:${port}/`)).json()
  for (const [path, id] of ids) assert.equal(records.find(record => record.id === id)?.name, path)
  assert.equal(new Set(records.map(({ name }) => name)).size, records.length, 'each is there once')
  console.log(`${ids.size} answered and in the file, ${unanswered.length} without an answer`)
  cluster.off('exit', fork)
  for (const { process } of Object.values(cluster.workers)) process.kill()
  await cluster.disconnect()
  rmSync(dir, { recursive: true })
}
