/** backup(): what it makes, from what, and when it refuses. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { DB } from '../index.js'
import { beside, readWhole, unchanged } from './helpers/backup.ts'
import { Gate, mustBlock, rejection } from './helpers/block.ts'
import { prelude, run } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { hasSql, sql } from './helpers/sqlite.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const any = (value: unknown) => value as never

/** A database of `rows` pages and a few. */
async function filled(t: ExecutionContext, dir: string, rows = 40): Promise<DB> {
  const db = openDb(t, dir, { timeout: 20_000 })
  await db.exec('CREATE TABLE t (a, b)')
  await db.batch(
    Array.from({ length: rows }, (_, n) => ({ sql: 'INSERT INTO t VALUES (?, zeroblob(3900))', params: [n] }))
  )
  return db
}

const ends = (db: Pick<DB, 'all'>) => db.all('SELECT a, length(b), hex(substr(b, -8)) FROM t')
const count = (db: Pick<DB, 'get'>) => db.get('SELECT count(*) AS n FROM t')?.n

posix('mode')(
  'a backup is one file that has everything, with the permission bits of the database',
  async t => {
    const dir = tmpDir(t)
    const db = await filled(t, dir)
    chmodSync(db.dbPath, 0o640)
    const place = join(dir, 'copy.db')
    const { totalPages } = await db.backup(pathToFileURL(place))
    t.is(statSync(place).size, totalPages * 4096)
    t.is(statSync(place).mode & 0o777, 0o640)
    const found = await readWhole(t, place, copy => [
      count(copy),
      copy.pragma('journal_mode', { simple: true })
    ])
    t.deepEqual(found, [40, 'delete'])
    t.deepEqual(beside(place), ['copy.db'])
  }
)

test('a backup replaces what is at its destination, and can be written to', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 3)
  const place = join(dir, 'app.db.1')
  writeFileSync(place, 'no database')
  await db.backup(place)
  await db.run('DELETE FROM t WHERE a = 0')
  await db.backup(place)
  t.is(await readWhole(t, place, count), 2)
  if (hasSql) t.deepEqual(await sql(t, place, 'INSERT INTO t VALUES (7, 7)', 'SELECT count(*) FROM t'), [[3]])
})

for (const [what, name] of [
  ['255 letters', 'a'.repeat(255)],
  ['characters of 2 bytes', `x${'é'.repeat(127)}`],
  ['characters of 3 bytes', '€'.repeat(85)],
  ['characters of 4 bytes', `xyz${'😀'.repeat(63)}`]
] as const) {
  posix('signals')(
    `a backup to a name of 255 bytes is made, also where a killed one has left something: ${what}`,
    async t => {
      const dir = tmpDir(t)
      const db = await filled(t, dir, 3)
      const place = join(dir, 'copies', name)
      mkdirSync(join(dir, 'copies'))
      t.is(Buffer.byteLength(name), 255)
      const script = `new DB(process.argv[1]).backup(process.argv[2], { pagesPerStep: 1, progress: () => process.kill(process.pid, 'SIGKILL') })`
      const { signal } = await run(t, process.execPath, ['-e', prelude(dir) + script, db.dbPath, place])
      t.is(signal, 'SIGKILL')
      t.is(readdirSync(dirname(place)).length, 1)
      for (const rows of [3, 2]) {
        await db.backup(place)
        t.deepEqual(readdirSync(dirname(place)), [name])
        t.is(await readWhole(t, place, count), rows)
        await db.run('DELETE FROM t WHERE a = 0')
      }
    }
  )
}

test('after each step the callback is told how many pages remain', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir)
  const steps: { totalPages: number; remainingPages: number }[] = []
  const place = join(dir, 'copy.db')
  const { totalPages } = await db.backup(place, { pagesPerStep: 7, progress: step => steps.push(step) })
  t.true(totalPages > 40)
  const expected = Array.from({ length: Math.ceil(totalPages / 7) }, (_, n) => ({
    totalPages,
    remainingPages: Math.max(0, totalPages - 7 * (n + 1))
  }))
  t.deepEqual(steps, expected)
})

test('a big database is copied off the event loop, in steps of 256 pages', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir, { timeout: 20_000 })
  await db.exec(`
    CREATE TABLE t AS
    WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 64) SELECT n AS a, randomblob(1 << 20) AS b FROM c`)
  const place = join(dir, 'copy.db')
  let [steps, turns] = [0, 0]
  const turn = setInterval(() => turns++, 0)
  const { totalPages } = await db.backup(place, { progress: () => steps++ })
  clearInterval(turn)
  t.true(totalPages > 16_384)
  t.is(steps, Math.ceil(totalPages / 256))
  t.true(turns > 0)
  t.deepEqual(await readWhole(t, place, ends), ends(db))
})

test('a database that is open for reading only can be copied', async t => {
  const dir = tmpDir(t)
  await (await filled(t, dir, 5)).close()
  const place = join(dir, 'copy.db')
  await openDb(t, dir, { readonly: true }).backup(place, { pagesPerStep: Infinity })
  t.is(await readWhole(t, place, count), 5)
})

test('an empty database can be copied', async t => {
  const dir = tmpDir(t)
  const place = join(dir, 'copy.db')
  t.deepEqual(await openDb(t, dir).backup(place), { totalPages: 0 })
  t.deepEqual(await readWhole(t, place, copy => copy.getAllRecords()), [])
})

test('what a transaction has not committed is not in a backup', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 2)
  const place = join(dir, 'copy.db')
  await db.transaction(async tx => {
    await tx.run('DELETE FROM t')
    await db.backup(place)
  })
  t.is(await readWhole(t, place, count), 2)
})

test('a backup keeps the WAL until its end', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir)
  await db.close()
  const open = openDb(t, dir, { busyTimeout: 1, timeout: 20_000 })
  const seen: boolean[] = []
  await open.backup(join(dir, 'copy.db'), {
    pagesPerStep: 16,
    progress: async () => {
      await open.run('INSERT INTO t VALUES (?, ?)', 'late', 1)
      seen.push((await open.checkpoint('TRUNCATE')).complete)
    }
  })
  t.true(seen.length > 2)
  t.true(seen.every(complete => !complete))
  t.true((await open.checkpoint('TRUNCATE')).complete)
  t.is(await readWhole(t, join(dir, 'copy.db'), count), 40)
})

test('an abort at any step leaves nothing behind', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 12)
  const place = join(dir, 'copy.db')
  writeFileSync(place, 'old')
  const isUnchanged = unchanged(t, place)
  const { totalPages } = await db.backup(join(dir, 'whole.db'), { pagesPerStep: 1 })
  for (let last = 0; last <= totalPages; last++) {
    const [controller, reason] = [new AbortController(), new Error(`at step ${last}`)]
    let step = 0
    const progress = () => {
      if (++step === last) controller.abort(reason)
    }
    const copied = db.backup(place, { pagesPerStep: 1, progress, signal: controller.signal })
    if (last === 0) controller.abort(reason)
    t.is(await rejection(copied), reason)
    t.is(step, last)
    isUnchanged()
  }
  const signal = AbortSignal.abort(new Error('before'))
  t.is(await rejection(db.backup(place, { signal })), signal.reason)
  isUnchanged()
})

test('an abort ends a step of any size', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 2000)
  const place = join(dir, 'copy.db')
  const controller = new AbortController()
  const copied = db.backup(place, { pagesPerStep: Infinity, signal: controller.signal })
  setImmediate(() => controller.abort())
  await copied.then(
    () => t.deepEqual(beside(place), ['copy.db'], 'it was done before'),
    error => {
      t.is(error.name, 'AbortError')
      t.deepEqual(beside(place), [])
    }
  )
})

test('what the callback throws ends the backup', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 5)
  const place = join(dir, 'copy.db')
  const error = Object.assign(new Error('thrown'), { kind: 'sqlite', code: 'SQLITE_INTERRUPT' })
  const callbacks = [
    () => {
      throw error
    },
    async () => {
      throw error
    }
  ]
  for (const progress of callbacks) {
    t.is(await rejection(db.backup(place, { pagesPerStep: 1, progress })), error)
    t.deepEqual(beside(place), [])
  }
})

test('close() waits for a backup, and there is none after it', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 5)
  const place = join(dir, 'copy.db')
  const gate = new Gate()
  const copied = db.backup(place, { pagesPerStep: 1, progress: () => gate.opened as never })
  const closed = await mustBlock(t, db.close())
  t.is((await rejection(db.backup(place))).code, 'ERR_SQLOCK_CLOSED')
  gate.open()
  await copied
  await closed()
  t.is(await readWhole(t, place, count), 5)
})

test('two backups to the same destination do not meet', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 30)
  const place = join(dir, 'copy.db')
  await Promise.all([1, 2, 3].map(pagesPerStep => db.backup(place, { pagesPerStep })))
  t.deepEqual(beside(place), ['copy.db'])
  t.is(await readWhole(t, place, count), 30)
})

posix('open')('a database file that was replaced is not copied', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 1)
  unlinkSync(db.dbPath)
  t.is((await rejection(db.backup(join(dir, 'copy.db')))).code, 'ERR_SQLOCK_REPLACED')
  t.deepEqual(beside(db.dbPath).toSorted(), ['app.db-shm', 'app.db-wal'])
})

posix('symlink')('the database itself, by whatever name, is no destination', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 1)
  symlinkSync(db.dbPath, join(dir, 'symbolic'))
  linkSync(db.dbPath, join(dir, 'hard'))
  mkdirSync(join(dir, 'directory'))
  const names = ['app.db', 'symbolic', 'hard', 'directory', 'directory/']
  const locks = ['db.lock', '../other/db.lock', 'DB.LOCK', 'db.lock.holder']
  const companions = ['app.db-wal', 'app.db-shm', 'app.db-journal', 'other.db-wal', 'OTHER.DB-WAL']
  for (const name of [...names, ...locks, ...companions]) {
    const error = await rejection(db.backup(join(dir, name)))
    t.true(error instanceof TypeError, `${name}: ${error.stack}`)
    t.is(error.code, 'ERR_INVALID_ARG_VALUE')
    t.true(error.message.includes('destination'), error.message)
  }
  t.is(count(db), 1)
})

for (const companion of ['-wal', '-shm', '-journal']) {
  test(`a database that has a ${companion} beside it is not replaced`, async t => {
    const dir = tmpDir(t)
    const db = await filled(t, dir, 2)
    const place = join(dir, 'copy.db')
    writeFileSync(place + companion, 'of an older one')
    for (const isThere of [false, true]) {
      if (isThere) writeFileSync(place, 'old')
      const error = await rejection(db.backup(place))
      t.like(error, { code: 'ERR_SQLOCK_IO', errno: 'EBUSY', syscall: 'rename', path: place + companion })
    }
    t.is(readFileSync(place, 'utf8'), 'old')
    t.deepEqual(beside(place).toSorted(), ['copy.db', `copy.db${companion}`])
  })
}

posix('symlink')(
  'a database that is open in this process, or that is opened meanwhile, is not replaced',
  async t => {
    const dir = tmpDir(t)
    const db = await filled(t, dir, 20)
    const place = join(dir, 'copy.db')
    await db.backup(place)
    const isUnchanged = unchanged(t, place)
    await db.run('DELETE FROM t')
    const other = tmpDir(t)
    symlinkSync(place, join(other, 'app.db'))
    let reader: DB | undefined
    const progress = () => void (reader ??= openDb(t, other, { readonly: true }))
    const error = await rejection(db.backup(place, { pagesPerStep: 1, progress }))
    t.like(error, { code: 'ERR_SQLOCK_IO', errno: 'EBUSY', path: place })
    await reader?.close()
    isUnchanged()
  }
)

test('a destination that cannot be written to is an error of the system', async t => {
  const dir = tmpDir(t)
  const db = await filled(t, dir, 1)
  const error = await rejection(db.backup(join(dir, 'missing', 'copy.db')))
  t.like(error, { name: 'SqlockError', code: 'ERR_SQLOCK_IO', errno: 'ENOENT', syscall: 'open' })
})

const BAD: [string, unknown, unknown, ErrorConstructor][] = [
  ['destination', undefined, {}, TypeError],
  ['destination', '', {}, TypeError],
  ['destination', 5, {}, TypeError],
  ['destination', 'a\0b', {}, TypeError],
  ['destination', ':memory:', {}, TypeError],
  ['options', 'a', null, TypeError],
  ['options', 'a', 5, TypeError],
  ['unknown', 'a', { pages: 5 }, TypeError],
  ['progress', 'a', { progress: 5 }, TypeError],
  ['pagesPerStep', 'a', { pagesPerStep: '5' }, TypeError],
  ['pagesPerStep', 'a', { pagesPerStep: 0 }, RangeError],
  ['pagesPerStep', 'a', { pagesPerStep: 1.5 }, RangeError],
  ['pagesPerStep', 'a', { pagesPerStep: NaN }, RangeError],
  ['signal', 'a', { signal: {} }, TypeError]
]
test('bad arguments of backup() are named', async t => {
  const db = openDb(t)
  for (const [names, destination, options, type] of BAD) {
    const error = await rejection(db.backup(any(destination), any(options)))
    t.true(error instanceof type, error.stack)
    t.true(error.message.includes(names), error.message)
  }
})
