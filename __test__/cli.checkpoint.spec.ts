/** `sqlock checkpoint`: the WAL of others into their file. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { runScript, spawnHolder } from './helpers/child.ts'
import { sqlock } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'
import { hasSql, stayIn } from './helpers/sqlite.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const walBytes = (file: string) => statSync(`${file}-wal`).size

test('what another process has written comes into the file; TRUNCATE cuts the WAL to nothing', async t => {
  const db = openDb(t)
  await db.createRecord('a', 1)
  const passive = await sqlock(t, 'checkpoint', db.dbPath)
  t.is(passive.code, 0, passive.stderr)
  t.regex(passive.stdout, /^(\d+) of \1 pages of the WAL are in the file\n$/)
  t.true(walBytes(db.dbPath) > 0)
  const truncate = await sqlock(t, 'checkpoint', '--mode', 'TRUNCATE', db.dbPath)
  t.deepEqual([truncate.code, truncate.stdout], [0, 'everything is in the file, the WAL is empty\n'])
  t.is(walBytes(db.dbPath), 0)
  await db.createRecord('b', 2)
  t.is(db.getAllRecords().length, 2)
})

test('PASSIVE works while others hold the lock, the other modes time out and tell the holder', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  const holder = await spawnHolder(t, dir)
  t.is((await sqlock(t, 'checkpoint', db.dbPath)).code, 0)
  for (const mode of ['FULL', 'restart', 'TRUNCATE']) {
    const { code, stderr } = await sqlock(t, 'checkpoint', '--mode', mode, '--timeout', '20', db.dbPath)
    t.is(code, 75)
    t.true(stderr.includes(`held by pid ${holder.pid}`), stderr)
  }
})

if (hasSql) {
  test('a reader that stays on its snapshot makes it incomplete, exit code 1', async t => {
    const db = openDb(t)
    await db.createRecord('a', 1)
    const reader = await stayIn(t, db.dbPath, 'BEGIN', 'SELECT * FROM records')
    await db.createRecord('b', 2)
    for (const mode of ['PASSIVE', 'FULL']) {
      const { code, stdout } = await sqlock(t, 'checkpoint', '--mode', mode, db.dbPath)
      t.is(code, 1)
      t.true(stdout.includes('was in the way'), stdout)
    }
    reader.child.stdin!.end()
    await reader.ended()
    t.is((await sqlock(t, 'checkpoint', '--mode', 'FULL', db.dbPath)).code, 0)
  })
}

posix('signals')('what is left of a killed writer comes into the file', async t => {
  const dir = tmpDir(t)
  const file = join(dir, 'app.db')
  const script = `const db = new DB(dir + '/app.db'); db.createRecord('a', 1).then(() => process.kill(process.pid, 'SIGKILL'))`
  const { signal } = await runScript(t, dir, script)
  t.is(signal, 'SIGKILL')
  t.true(walBytes(file) > 0)
  t.is((await sqlock(t, 'checkpoint', file)).code, 0)
  t.is(openDb(t, dir).getAllRecords().length, 1)
})

test('a database that is not in WAL mode is left as it is', async t => {
  const file = join(tmpDir(t), 'app.db')
  writeFileSync(file, '')
  const { code, stdout } = await sqlock(t, 'checkpoint', file)
  t.is(code, 0)
  t.true(stdout.includes('is not in WAL mode'))
  t.is(statSync(file).size, 0)
})

posix('special')('what is no database is told as such, and not made one: exit code 66', async t => {
  const dir = tmpDir(t)
  writeFileSync(join(dir, 'text'), 'no database'.repeat(100))
  writeFileSync(join(dir, 'short'), 'SQLite format 3\0')
  mkdirSync(join(dir, 'dir'))
  for (const [name, said] of [
    ['text', 'is no SQLite database'],
    ['short', 'is no SQLite database'],
    ['dir', 'is no database but a directory'],
    ['missing', 'there is no file'],
    ['text/app.db', 'not a directory']
  ] as const) {
    const { code, stderr } = await sqlock(t, 'checkpoint', join(dir, name))
    t.is(code, 66)
    t.true(stderr.includes(said) && stderr.includes(join(dir, name)), stderr)
  }
  t.throws(() => statSync(join(dir, 'missing')), { code: 'ENOENT' })
  t.is((await openLocker(t, dir).status()).locked, false)
})
