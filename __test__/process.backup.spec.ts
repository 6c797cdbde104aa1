/** backup() beside processes that write, are killed, or have no room. */
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { DB } from '../index.js'
import { beside, readWhole } from './helpers/backup.ts'
import { eventually } from './helpers/block.ts'
import { Actor, has, prelude, run } from './helpers/child.ts'
import { randomOf, seedOf } from './helpers/seed.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

/** Pages that take a backup many steps. */
const FILLING = `
  CREATE TABLE filling AS
  WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 60) SELECT n, zeroblob(3900) AS b FROM c`

const size = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0

async function filled(t: ExecutionContext, dir: string): Promise<DB> {
  const db = openDb(t, dir, { timeout: 20_000 })
  await db.exec(FILLING)
  return db
}

test('a backup while two processes write has all that was acknowledged before it, and nothing by half', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir)
  await db.exec('CREATE TABLE half (name, n)')
  const notes = [0, 1].map(n => join(dir, `notes-${n}`))
  const writers = notes.map((file, n) => new Actor(t, 'pairs.mjs', [db.dbPath, `w${n}`, file]))
  /** Both have gone on since. */
  const goOn = async () => {
    const before = notes.map(size)
    await eventually(t, () => notes.every((file, n) => size(file) > (before[n] as number)))
  }
  await goOn()
  const acknowledged = notes.flatMap(file => readFileSync(file, 'utf8').split('\n').slice(0, -1))
  const remaining: number[] = []
  const place = join(dir, 'copy.db')
  const { totalPages } = await db.backup(place, {
    pagesPerStep: 16,
    progress: async ({ remainingPages }) => {
      remaining.push(remainingPages)
      await goOn()
    }
  })
  for (const writer of writers) await writer.kill()
  t.is(remaining.length, Math.ceil(totalPages / 16), 'it was not begun anew')
  const found = await readWhole(t, place, copy =>
    copy.all('SELECT name, count(*) AS n FROM half GROUP BY name')
  )
  const names = new Set(found.map(row => row.name))
  t.deepEqual(
    acknowledged.filter(name => !names.has(name)),
    []
  )
  t.deepEqual(
    found.filter(row => row.n !== 2),
    []
  )
  t.true(found.length < (db.get('SELECT count(*) / 2 AS n FROM half')?.n as number), 'they wrote on')
})

test('a process that is killed in a backup leaves the old one or the new one, and the next removes the rest', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir)
  const random = randomOf(seedOf(t))
  const place = join(dir, 'copy.db')
  await db.backup(place)
  const { totalPages } = await db.backup(place)
  let abandoned = 0
  for (let round = 0; round < 12; round++) {
    await db.run('UPDATE filling SET n = ? WHERE n >= 60', 60 + round)
    const copier = new Actor(t, 'copier.mjs', [db.dbPath, place])
    const steps = 1 + Math.floor(random() * 2 * totalPages)
    for (let step = 0; step < steps; step++) await copier.says()
    await copier.kill()
    const newest = await readWhole(t, place, copy => copy.get('SELECT max(n) AS n FROM filling')?.n)
    t.true([59 + round, 60 + round].includes(newest as number), String(newest))
    abandoned += beside(place).length - 1
    await db.backup(place)
    t.deepEqual(beside(place), ['copy.db'])
  }
  t.log(`${abandoned} were left by those that were killed`)
  t.true(abandoned > 0)
})

const BACK_UP = `
  (async () => {
    const db = new DB(process.argv[1]);
    console.log(await db.backup(process.argv[2]).then(() => 'done', error => error.code));
    await db.close();
  })()`

if (has('prlimit')) {
  test('a limit on the size of files ends a backup, which leaves nothing', async t => {
    const dir = tmpDir(t)
    const db = await filled(t, dir)
    const place = join(dir, 'copy.db')
    writeFileSync(place, 'old')
    const args = ['--fsize=100000', process.execPath, '-e', prelude(dir) + BACK_UP, db.dbPath, place]
    const { stdout, stderr } = await run(t, 'prlimit', args)
    t.is(stdout.trim(), 'SQLITE_IOERR_WRITE', stderr)
    t.is(readFileSync(place, 'utf8'), 'old')
    t.deepEqual(beside(place), ['copy.db'])
  })
}

if (process.getuid?.() === 0 && has('unshare')) {
  test('a file system that is full ends a backup, which leaves nothing', async t => {
    const dir = tmpDir(t)
    const db = await filled(t, dir)
    const full = tmpDir(t)
    const shell = `mount -t tmpfs -o size=100k none ${full} && "$0" -e "$1" "$2" ${full}/copy.db && ls -A ${full}`
    const args = ['--mount', 'sh', '-c', shell, process.execPath, prelude(dir) + BACK_UP, db.dbPath]
    const { stdout, stderr } = await run(t, 'unshare', args)
    t.is(stdout.trim(), 'SQLITE_FULL', stderr)
  })
}

test('a backup whose worker is terminated leaves nothing', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir)
  const place = join(dir, 'copy.db')
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    const progress = () => (parentPort.postMessage('step'), new Promise(() => {}));
    new DB(workerData.path).backup(workerData.place, { pagesPerStep: 1, progress })`
  const worker = new Worker(prelude(dir) + script, { eval: true, workerData: { path: db.dbPath, place } })
  await once(worker, 'message')
  await worker.terminate()
  await eventually(t, () => beside(place).length === 0)
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
})

test('a backup that ends with its process is not taken for whole', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir)
  const place = join(dir, 'copy.db')
  const script = `
    new DB(process.argv[1]).backup(process.argv[2], { pagesPerStep: 1, progress: () => process.exit() })`
  const { code } = await run(t, process.execPath, ['-e', prelude(dir) + script, db.dbPath, place])
  t.is(code, 0)
  t.false(existsSync(place))
  await db.backup(place)
  t.deepEqual(beside(place), ['copy.db'])
})
