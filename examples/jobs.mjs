/**
 * A job queue over several processes. A worker takes a job for half a second; its result and its end are one transaction. One
 * worker is killed at its work, another one takes that job when the time is over, and each job is done once.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DB } from 'sqlock'

const [WORKERS, JOBS, LEASE_MS] = [4, 200, 500]
const NEXT = 'SELECT id FROM jobs WHERE result IS NULL AND taken_until < :now ORDER BY id LIMIT 1'
const TAKE = `UPDATE jobs SET worker = :worker, taken_until = :now + ${LEASE_MS} WHERE id = (${NEXT}) RETURNING id, n`
const END = 'UPDATE jobs SET result = :result WHERE id = :id AND worker = :worker'

if (process.argv[2]) await work(new DB(process.argv[2], { timeout: 5000 }), process.pid)
else await run(mkdtempSync(join(tmpdir(), 'sqlock-')))

async function work(db, worker) {
  // A commit by anybody wakes it, and the time of a job that a killed worker has.
  for await (const _ of db.changes({ interval: LEASE_MS })) {
    for (let job; (job = await db.getAsync(TAKE, { now: Date.now(), worker }));)
      await finish(db, { worker, id: job.id, result: await square(job) })
    if (!db.get('SELECT 1 FROM jobs WHERE result IS NULL')) break
  }
  process.disconnect()
}

async function square({ id, n }) {
  process.send(id)
  return sleep(Math.random() * 10, n * n)
}

function finish(db, { id, worker, result }) {
  return db.transaction(async tx => {
    const { changes } = await tx.run(END, { id, worker, result })
    // None: it took too long, and is with another worker by now.
    if (changes === 1) await tx.run('INSERT INTO log (job, worker) VALUES (?, ?)', id, worker)
  })
}

async function run(dir) {
  const db = new DB(join(dir, 'app.db'))
  await db.exec(`CREATE TABLE jobs (id INTEGER PRIMARY KEY, n, result, worker, taken_until DEFAULT 0);
                 CREATE TABLE log (job, worker)`)
  await Promise.all(Array.from({ length: JOBS }, (_, n) => db.run('INSERT INTO jobs (n) VALUES (?)', n)))
  const workers = Array.from({ length: WORKERS }, () => fork(import.meta.filename, [db.dbPath]))
  workers[0].once('message', () => workers[0].kill('SIGKILL'))
  await Promise.all(workers.map(worker => once(worker, 'exit')))
  const done = db.prepare('SELECT job FROM log JOIN jobs ON id = job WHERE result = n * n').pluck().all()
  assert.deepEqual([done.length, new Set(done).size], [JOBS, JOBS])
  assert.equal(workers[0].signalCode, 'SIGKILL')
  console.log(`${done.length} jobs done, each once, although a worker was killed`)
  await db.close()
  rmSync(dir, { recursive: true })
}
