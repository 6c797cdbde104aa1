/** Databases that are read only, and files that are another one than was opened. */
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { DB } from '../index.js'
import { eventually, rejection } from './helpers/block.ts'
import { has, prelude, run } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

posix('open')('writes of a read-only database are refused, and no lock file is made', async t => {
  const dir = tmpDir(t)
  const writer = openDb(t, dir)
  await writer.createRecord('a', 1)
  rmSync(join(dir, 'db.lock'))
  const db = openDb(t, dir, { readonly: true })
  t.is(db.getRecord(1)?.name, 'a')
  t.is((await db.allAsync('SELECT * FROM records')).length, 1)
  for (const write of [
    () => db.createRecord('b', 1),
    () => db.run('DELETE FROM records'),
    () => db.exec('DELETE FROM records'),
    () => db.batch(['DELETE FROM records']),
    () => db.getAsync('DELETE FROM records RETURNING id'),
    () => db.transaction(() => t.fail()),
    () => db.begin(),
    () => db.withWriteLock(() => t.fail()),
    () => db.checkpoint(),
    () => db.checkpoint('TRUNCATE'),
    () => db.migrate([{ id: '1', up: '' }])
  ]) {
    const error = await rejection(write())
    t.is(error.code, 'SQLITE_READONLY', write.toString())
    t.is(error.errcode, 8)
  }
  t.false(existsSync(join(dir, 'db.lock')))
  t.is(db.getAllRecords().length, 1)
  await writer.createRecord('c', 2)
  t.is(db.getAllRecords().length, 2, 'it sees what others write')
})

test('a read-only database has to be there, and its directory is not made', t => {
  const dir = tmpDir(t)
  t.throws(() => new DB(join(dir, 'none.db'), { readonly: true }), { code: 'SQLITE_CANTOPEN' })
  t.throws(() => new DB(join(dir, 'none/none.db'), { readonly: true }))
  t.deepEqual(readdirSync(dir), [])
})

if (has('setpriv')) {
  test('in a directory that cannot be written to, a WAL database without a -wal is read', async t => {
    const dir = tmpDir(t)
    const sub = join(dir, 'a ?#%41 é')
    mkdirSync(sub)
    const db = openDb(t, sub)
    await db.createRecord('a', 1)
    await db.close()
    t.deepEqual(readdirSync(sub).toSorted(), ['app.db', 'db.lock'])
    for (const [path, mode] of [
      [dir, 0o755],
      [join(sub, 'app.db'), 0o444],
      [sub, 0o555]
    ] as const)
      chmodSync(path, mode)
    const script = `${prelude(sub)}
      const db = new DB(dir + '/app.db', { readonly: true })
      console.log(JSON.stringify(db.getAllRecords()))
      db.allAsync('SELECT name FROM records').then(rows => { console.log(JSON.stringify(rows)); return db.close() })`
    // Root may write everywhere.
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
    const { stdout, stderr } = await run(t, 'setpriv', [...nobody, process.execPath, '-e', script])
    chmodSync(sub, 0o755)
    t.deepEqual(stdout.trim().split('\n'), ['[{"id":1,"name":"a","value":1}]', '[{"name":"a"}]'], stderr)
  })
}

posix('names')('names with spaces, %, ?, # and others are names', async t => {
  const dir = tmpDir(t)
  for (const name of [
    'with space.db',
    '100%.db',
    'a?b=c.db',
    'a#b.db',
    'file:x.db',
    'ünï \u{1f600}.db',
    "it's.db"
  ]) {
    const path = join(dir, name)
    const db = new DB(path)
    await db.createRecord(name, 1)
    await db.close()
    t.true(existsSync(path), name)
    for (const again of [new DB(path, { readonly: true }), new DB(pathToFileURL(path))]) {
      t.is(again.getRecord(1)?.name, name)
      await again.close()
    }
  }
})

posix('open')('reads notice soon that the file was deleted or replaced', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('old', 1)
  const other = new DB(join(dir, 'other.db'))
  await other.createRecord('new', 1)
  await other.close()
  for (const change of [() => rmSync(db.dbPath), () => renameSync(join(dir, 'other.db'), db.dbPath)]) {
    change()
    await eventually(t, () => {
      try {
        db.get('SELECT 1')
        return false
      } catch (error: any) {
        t.is(error.code, 'ERR_SQLOCK_REPLACED')
        return true
      }
    })
    t.is((await rejection(db.allAsync('SELECT 1'))).code, 'ERR_SQLOCK_REPLACED')
    t.is((await rejection(db.createRecord('lost', 1))).code, 'ERR_SQLOCK_REPLACED')
  }
})
