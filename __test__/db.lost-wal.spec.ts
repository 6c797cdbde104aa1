/**
 * Somebody deletes the -wal or the -shm of an open database: a clean-up script, or a program that took itself for the last one. Writes
 * resolved that nobody else ever saw, and close() copied the old WAL over 50 rows that another process had committed meanwhile.
 */
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Transaction } from '../index.js'
import { eventually, rejection } from './helpers/block.ts'
import { runScript } from './helpers/child.ts'
import { sqlock } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'
import { inBegun } from './helpers/table.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const REPLACED = { code: 'ERR_SQLOCK_REPLACED' }
const LOSSES: Record<string, (path: string) => void> = {
  '-wal and -shm deleted': path => ['-wal', '-shm'].forEach(suffix => rmSync(path + suffix)),
  '-wal deleted': path => rmSync(`${path}-wal`),
  '-shm deleted': path => rmSync(`${path}-shm`),
  '-wal replaced by a copy of it': path => {
    copyFileSync(`${path}-wal`, `${path}-copy`)
    renameSync(`${path}-copy`, `${path}-wal`)
  }
}

/** Writes as another process, which opens the database and closes it; which of its writes have resolved, and what it sees then. */
async function inAnother(t: ExecutionContext, dir: string, names: string[]) {
  const script = `(async () => {
    const db = new DB(dir + '/app.db')
    const resolved = []
    // While only one of the two files is there, SQLite may refuse.
    for (const name of ${JSON.stringify(names)}) await db.createRecord(name, 1).then(() => resolved.push(name), () => {})
    const seen = await db.getAllRecordsAsync().then(records => records.map(record => record.name), error => error.code)
    await db.close()
    console.log(JSON.stringify({ resolved, seen }))
  })()`
  const { stdout, stderr } = await runScript(t, dir, script)
  t.is(stderr, '')
  return JSON.parse(stdout) as { resolved: string[]; seen: string[] }
}

for (const [loss, lose] of Object.entries(LOSSES)) {
  posix('open')(`${loss}: every form of a write is refused, and soon every form of a read`, async t => {
    const db = openDb(t)
    await db.createRecord('a', 1)
    const statement = db.prepare('DELETE FROM records')
    lose(db.dbPath)
    for (const write of [
      () => db.createRecord('b', 1),
      () => db.updateRecord(1, 2),
      () => db.run('DELETE FROM records'),
      () => db.exec('DELETE FROM records'),
      () => db.batch(['DELETE FROM records']),
      () => db.getAsync('DELETE FROM records RETURNING id'),
      () => db.execute('DELETE FROM records'),
      () => statement.run(),
      () => db.transaction(tx => tx.run('DELETE FROM records')),
      () => inBegun(db, tx => tx.run('DELETE FROM records')),
      () => inBegun(db, tx => tx.get('SELECT 1')),
      () => inBegun(db, tx => tx.savepoint(() => {})),
      () => db.withWriteLock(() => db.run('DELETE FROM records')),
      () => db.migrate([{ id: '1', up: 'CREATE TABLE t (a)' }]),
      () => db.checkpoint(),
      () => db.checkpoint('TRUNCATE'),
      () => db.backup(`${db.dbPath}-backup`)
    ]) {
      t.is((await rejection(write())).code, REPLACED.code, write.toString())
    }
    await eventually(t, () => {
      try {
        db.get('SELECT 1')
        return false
      } catch (error: any) {
        t.is(error.code, REPLACED.code)
        t.regex(error.path, /app\.db-(wal|shm)$/)
        t.regex(error.message, /close this database and open it again/)
        return true
      }
    })
    t.throws(() => db.all('SELECT 1'), REPLACED)
    t.throws(() => [...db.iterate('SELECT 1')], REPLACED)
    t.throws(() => db.getAllRecords(), REPLACED)
    t.throws(() => db.pragma('user_version'), REPLACED)
    await t.throwsAsync(db.allAsync('SELECT 1'), REPLACED)
    await t.throwsAsync(db.iterateAsync('SELECT 1').next(), REPLACED)
  })

  posix('open')(
    `${loss}: what others commit meanwhile is there after close(), and the file is whole`,
    async t => {
      const dir = tmpDir(t)
      const db = openDb(t, dir)
      for (let n = 0; n < 3; n++) await db.createRecord('before', n)
      await db.checkpoint('PASSIVE')
      await db.createRecord('in the -wal', 1)
      // A copy of the -wal has all that the -wal has; without it, or without its index, who comes later may miss something.
      lose(db.dbPath)
      const names = Array.from({ length: 50 }, (_, n) => `other ${n}`)
      const { resolved } = await inAnother(t, dir, names)
      t.is((await rejection(db.createRecord('after', 1))).code, REPLACED.code)
      await db.close()
      const { seen } = await inAnother(t, dir, [])
      t.deepEqual(
        [...resolved, 'before'].filter(name => !seen.includes(name)),
        []
      )
      t.is(openDb(t, dir).pragma('integrity_check', { simple: true }), 'ok')
    }
  )
}

posix('open')('a transaction that is open when the -wal is deleted is rolled back', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  await db.checkpoint('PASSIVE')
  const outcome = db.transaction(async tx => {
    await tx.run(`UPDATE records SET value = 2`)
    rmSync(`${db.dbPath}-wal`)
  })
  t.is((await rejection(outcome)).code, REPLACED.code)
  await db.close()
  t.is(openDb(t, dir).getRecord(1)?.value, 1)
})

/** The statements of an open transaction do not look whether the two are there; the steps that begin or end something do. */
for (const [step, end] of Object.entries({
  'commit()': (tx: Transaction) => tx.commit(),
  'a savepoint': (tx: Transaction) => tx.savepoint(async () => {})
})) {
  posix('open')(`what begin() has begun when the -wal is deleted is rolled back by ${step}`, async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir)
    await db.createRecord('a', 1)
    await db.checkpoint('PASSIVE')
    const tx = await db.begin()
    await tx.run('UPDATE records SET value = 2')
    rmSync(`${db.dbPath}-wal`)
    await tx.run('UPDATE records SET value = 3').catch(() => {})
    t.is((await rejection(end(tx))).code, REPLACED.code)
    await tx.rollback().catch(() => {})
    t.is((await rejection(db.createRecord('b', 1))).code, REPLACED.code)
    await db.close()
    t.is(openDb(t, dir).getRecord(1)?.value, 1)
    t.is(openDb(t, dir).getAllRecords().length, 1)
  })
}

posix('open')('a DB that is never closed overwrites nothing when it is collected', async t => {
  const dir = tmpDir(t)
  const script = `(async () => {
    await (async () => {
      const db = new DB(dir + '/app.db')
      await db.createRecord('a', 1)
      for (const suffix of ['-wal', '-shm']) require('fs').rmSync(db.dbPath + suffix)
    })()
    const before = require('fs').readFileSync(dir + '/app.db', 'latin1')
    const closed = () => require('fs').readdirSync('/proc/self/fd').every(fd => { try { return !require('fs').readlinkSync('/proc/self/fd/' + fd).includes('app.db') } catch { return true } })
    while (!closed()) { gc(); await new Promise(setImmediate) }
    console.log(before === require('fs').readFileSync(dir + '/app.db', 'latin1'))
  })()`
  if (!existsSync('/proc/self/fd')) return t.pass()
  const expose = `require('v8').setFlagsFromString('--expose-gc'); const gc = require('vm').runInNewContext('gc');`
  const { stdout, stderr } = await runScript(t, dir, expose + script)
  t.is(stdout.trim(), 'true', stderr)
})

test('others may open and close the database as often as they like, before it is read here and after', async t => {
  const dir = tmpDir(t)
  const early = openDb(t, dir)
  for (const name of ['a', 'b', 'c']) await inAnother(t, dir, [name])
  t.false(existsSync(`${early.dbPath}-wal`))
  t.is((await early.allAsync('SELECT * FROM records')).length, 3)
  for (const name of ['d', 'e']) await inAnother(t, dir, [name])
  t.is(early.getAllRecords().length, 5)
  await early.createRecord('f', 1)
  await early.checkpoint('TRUNCATE')
  await early.run('VACUUM')
  await inAnother(t, dir, ['g'])
  t.is(early.getAllRecords().length, 7)
  await early.close()
  t.false(existsSync(`${early.dbPath}-wal`))
})

posix('symlink')('through a symbolic link the -wal is that of the file that it leads to', async t => {
  const [dir, other] = [tmpDir(t), tmpDir(t)]
  symlinkSync(join(dir, 'app.db'), join(other, 'app.db'))
  await openDb(t, dir).createRecord('a', 1)
  const linked = openDb(t, other)
  await linked.createRecord('b', 1)
  rmSync(join(dir, 'app.db-wal'))
  t.is((await rejection(linked.createRecord('c', 1))).path, join(dir, 'app.db-wal'))
})

if (process.platform === 'linux') {
  for (const suffix of ['-wal', '-shm']) {
    posix('proc')(`sqlock doctor tells who works with a deleted ${suffix}`, async t => {
      const db = openDb(t)
      await db.createRecord('a', 1)
      t.is((await sqlock(t, 'doctor', db.dbPath)).code, 0)
      rmSync(db.dbPath + suffix)
      const { code, stdout } = await sqlock(t, 'doctor', '--json', db.dbPath)
      t.is(code, 2)
      const bad = JSON.parse(stdout).findings.filter(
        (finding: { level: string }) => finding.level === 'error'
      )
      t.is(bad.length, 1, stdout)
      t.true(bad[0].message.startsWith(`pid ${process.pid},`))
      t.true(bad[0].message.includes(`deleted ${db.dbPath}${suffix}`))
      t.true(bad[0].advice.includes(`kill ${process.pid}`))
    })
  }
}

test('a file that was read in this process drops the locks of SQLite: a write is refused when its -wal goes with them', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  readFileSync(db.dbPath)
  await inAnother(t, dir, ['b'])
  if (existsSync(`${db.dbPath}-wal`)) return t.pass()
  t.is((await rejection(db.createRecord('c', 1))).code, REPLACED.code)
  await db.close()
  t.deepEqual((await inAnother(t, dir, [])).seen, ['a', 'b'])
})
