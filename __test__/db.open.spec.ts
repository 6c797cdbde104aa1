/** Opening a database. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { DB, SqliteError, SqlockError } from '../index.js'
import { rejection } from './helpers/block.ts'
import { has, run, runScript, spawnHolder } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { lockFile, openDb, tmpDir } from './helpers/tmp.ts'

test('missing directories are made', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, join(dir, 'a', 'b'))
  t.is(db.dbPath, join(dir, 'a', 'b', 'app.db'))
  t.is(db.baseDir, join(dir, 'a', 'b'))
  t.true(db.open)
  t.is(await db.createRecord('a', 1), 1)
})

test('fileMustExist makes neither file nor directory', t => {
  const dir = tmpDir(t)
  const options = { fileMustExist: true }
  const file = t.throws(() => openDb(t, dir, options)) as SqliteError
  t.is(file.code, 'SQLITE_CANTOPEN')
  t.true(file instanceof SqliteError)
  const directory = t.throws(() => openDb(t, join(dir, 'a'), options)) as SqlockError
  t.is(directory.code, 'ERR_SQLOCK_IO')
  t.is(directory.errno, 'ENOENT')
  t.false(existsSync(join(dir, 'app.db')))
  t.false(existsSync(join(dir, 'a')))
})

test('the constructor never waits for the lock and changes nothing', async t => {
  const dir = tmpDir(t)
  await spawnHolder(t, dir)
  const start = performance.now()
  const db = openDb(t, dir, { timeout: 0 })
  t.log(`opened in ${(performance.now() - start).toFixed(1)} ms`)
  t.is(db.getRecord(1), undefined)
  t.deepEqual(db.getAllRecords(), [])
  t.is(db.pragma('journal_mode', { simple: true }), 'delete')
  t.is(statSync(db.dbPath).size, 0)
  t.is((await rejection(db.createRecord('a', 1))).code, 'ERR_SQLOCK_TIMEOUT')
})

test('the first write makes it a WAL database', async t => {
  const db = openDb(t)
  await db.createRecord('a', 1)
  t.is(db.pragma('journal_mode', { simple: true }), 'wal')
})

test('the connection is set up as documented', t => {
  const db = openDb(t)
  t.is(db.pragma('busy_timeout', { simple: true }), 500)
  t.is(db.pragma('synchronous', { simple: true }), 1)
  t.is(db.pragma('foreign_keys', { simple: true }), 1)
  const other = openDb(t, tmpDir(t), { busyTimeout: 7, synchronous: 'FULL', foreignKeys: false })
  t.is(other.pragma('busy_timeout', { simple: true }), 7)
  t.is(other.pragma('synchronous', { simple: true }), 2)
  t.is(other.pragma('foreign_keys', { simple: true }), 0)
})

test('a file that is no database is SQLITE_NOTADB and stays as it is', t => {
  const dir = tmpDir(t)
  const content = 'this is a text of more than sixteen bytes, and no database\n'.repeat(20)
  writeFileSync(join(dir, 'app.db'), content)
  const error = t.throws(() => openDb(t, dir)) as SqliteError
  t.true(error instanceof SqliteError)
  t.is(error.name, 'SqliteError')
  t.is(error.code, 'SQLITE_NOTADB')
  t.is(error.errcode, 26)
  t.is(error.errstr, 'file is not a database')
  t.is(readFileSync(join(dir, 'app.db'), 'utf8'), content)
})

test('a path that is a directory is a SqliteError', t => {
  const dir = tmpDir(t)
  mkdirSync(join(dir, 'app.db'))
  const error = t.throws(() => openDb(t, dir)) as SqliteError
  t.true(error instanceof SqliteError)
  t.is(error.code.slice(0, 15), 'SQLITE_CANTOPEN')
})

// Opened for reading only, a FIFO without a writer held up the thread for ever.
for (const options of ['{}', '{ readonly: true }', '{ fileMustExist: true }']) {
  posix('special')(`a FIFO, a socket and a device with ${options} are refused without waiting`, async t => {
    const dir = tmpDir(t)
    const { code, stdout, stderr } = await runScript(
      t,
      dir,
      `const { execFileSync } = require('node:child_process')
       const { createServer } = require('node:net')
       execFileSync('mkfifo', [dir + '/fifo'])
       const server = createServer().listen(dir + '/socket', () => {
         for (const path of [dir + '/fifo', dir + '/socket', '/dev/null']) {
           try { new DB(path, ${options}) } catch (error) { console.log(error.name, error.code) }
         }
         server.close()
       })`
    )
    t.is(code, 0, stderr)
    t.is(stdout, 'SqliteError SQLITE_CANTOPEN\n'.repeat(3))
  })
}

test('a directory that cannot be made is ERR_SQLOCK_IO', t => {
  const dir = tmpDir(t)
  writeFileSync(join(dir, 'file'), '')
  const error = t.throws(() => new DB(join(dir, 'file', 'sub', 'app.db'))) as SqlockError
  t.is(error.code, 'ERR_SQLOCK_IO')
  t.is(error.syscall, 'mkdir')
})

posix('mode')('a file that cannot be written to is opened, and refuses to be written', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  await db.close()
  chmodSync(db.dbPath, 0o444)
  chmodSync(lockFile(dir), 0o666)
  const { stdout, stderr } = await runScript(
    t,
    dir,
    `if (process.getuid() === 0) { require('fs').chmodSync(dir, 0o777); process.setgid(65534); process.setuid(65534) }
     const db = new DB(dir + '/app.db');
     db.createRecord('b', 1).catch(error => console.log(error.name, error.code))`
  )
  t.regex(stdout, /^SqliteError SQLITE_READONLY/, stderr)
})

for (const name of ['with space.db', '100%.db', 'what?.db', 'a#b.db', 'ünïcödé ☃.db', 'file:x.db', '-wal']) {
  posix('names')(`the name ${name} is just a name`, async t => {
    const dir = tmpDir(t)
    for (const path of [
      join(dir, name),
      pathToFileURL(join(dir, name)),
      relative(process.cwd(), join(dir, name))
    ]) {
      const db = new DB(path)
      t.is(basename(db.dbPath), name)
      t.is(dirname(db.dbPath), dir)
      await db.createRecord('a', 1)
      await db.close()
    }
    t.true(existsSync(join(dir, name)))
  })
}

posix('open')('a database that was deleted or replaced is not written to any more', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  rmSync(db.dbPath)
  const deleted = await rejection(db.createRecord('b', 2))
  t.is(deleted.code, 'ERR_SQLOCK_REPLACED')
  t.is(deleted.path, db.dbPath)
  const anew = openDb(t, dir)
  await anew.createRecord('c', 3)
  t.is((await rejection(db.createRecord('d', 4))).code, 'ERR_SQLOCK_REPLACED')
  t.deepEqual(
    anew.getAllRecords().map(row => row.name),
    ['c']
  )
})

test('inherited options count', t => {
  const db = openDb(t, tmpDir(t), Object.create({ busyTimeout: 7 }))
  t.is(db.pragma('busy_timeout', { simple: true }), 7)
})

test('a symbolic link to a database locks the directory of the link', async t => {
  const dir = tmpDir(t)
  mkdirSync(join(dir, 'real'))
  mkdirSync(join(dir, 'link'))
  symlinkSync(join(dir, 'real', 'app.db'), join(dir, 'link', 'app.db'))
  const db = openDb(t, join(dir, 'link'))
  await db.createRecord('a', 1)
  t.is(db.baseDir, join(dir, 'link'))
  t.true(existsSync(lockFile(join(dir, 'link'))))
  t.false(existsSync(lockFile(join(dir, 'real'))))
})

test('eight processes open and write a database that does not exist yet', async t => {
  const dir = tmpDir(t)
  const script = `
    const db = new DB(dir + '/data/app.db', { timeout: 20000 });
    Promise.all([1, 2, 3].map(n => db.createRecord('p' + process.pid, n)))
      .then(() => db.close()).then(() => console.log('ok'))`
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => runScript(t, dir, script)))
  for (const { stdout, stderr } of outcomes) t.is(stdout.trim(), 'ok', stderr)
  const db = openDb(t, join(dir, 'data'))
  t.is(db.getAllRecords().length, 24)
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
})

if (has('python3')) {
  test('nobody can take the database out of WAL mode while it is open here', async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir)
    await db.createRecord('a', 1)
    const program = `import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=0)\ntry:\n  print(c.execute('PRAGMA journal_mode=DELETE').fetchone()[0])\nexcept sqlite3.OperationalError as e:\n  print(e)`
    const { stdout } = await run(t, 'python3', ['-c', program, db.dbPath])
    t.is(stdout.trim(), 'database is locked')
    t.is(await db.createRecord('b', 2), 2)
  })
}
