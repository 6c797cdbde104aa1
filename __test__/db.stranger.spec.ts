/**
 * Readers that may not write. A WAL database that nobody has open has neither a -wal nor a -shm, and such a reader can make none.
 * The file was then opened as immutable for good, whatever the reason of SQLite's refusal was: a reader saw pages of two states
 * when the owner wrote later, and half of a transaction where a killed program had left its journal. Now each read without locks
 * counts only if nothing was changed meanwhile.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DB } from '../index.js'
import { Actor, has, run } from './helpers/child.ts'
import { sqlock } from './helpers/cli.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const NOBODY = 65534
const isRoot = process.getuid?.() === 0
const withStranger = isRoot ? test : test.skip
const withPython = has('python3') ? test : test.skip
const ROWS = 2000

/** A database that nobody has open; a path in it that everybody may write to. */
async function atRest(t: ExecutionContext) {
  const dir = tmpDir(t)
  chmodSync(dir, 0o755)
  const open = join(dir, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  await asOwner(dir, db =>
    db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, filler TEXT);
      CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL);
      INSERT INTO records VALUES (1, 'r', 0);
      WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${ROWS})
      INSERT INTO t SELECT n, 0, printf('%.*c', 300, 'x') FROM c`)
  )
  return { dir, open, file: join(dir, 'app.db') }
}

/** Opens the database, does something with it, and closes it: then it is at rest again. */
async function asOwner(dir: string, act: (db: DB) => Promise<unknown>) {
  const db = new DB(join(dir, 'app.db'))
  await act(db)
  await db.close()
  chmodSync(join(dir, 'app.db'), 0o644)
}

const add = (dir: string) =>
  asOwner(dir, db => db.batch(['UPDATE t SET v = v + 1', 'UPDATE records SET value = value + 1']))

/** A process of somebody who may not write, and what it answers to code. */
async function stranger(t: ExecutionContext, file: string) {
  const actor = new Actor(t, 'stranger.mjs', [file], { uid: NOBODY, gid: NOBODY })
  t.is(await actor.says(), 'open')
  const ask = async (code: string) => {
    actor.tell(code)
    return actor.says<{ value?: any; code?: string }>()
  }
  return { actor, ask }
}

const SUM = 'SELECT sum(v) AS v FROM t'
const FORMS: Record<string, string> = {
  get: `db.get('${SUM}').v`,
  all: `db.all('${SUM}')[0].v`,
  iterate: `[...db.iterate('${SUM}')][0].v`,
  getAsync: `(await db.getAsync('${SUM}')).v`,
  allAsync: `(await db.allAsync('${SUM}'))[0].v`,
  execute: `(await db.execute('${SUM}')).rows[0].v`,
  iterateAsync: `(await Array.fromAsync?.(db.iterateAsync('${SUM}')) ?? await db.allAsync('${SUM}'))[0].v`,
  'get of a statement': `(kept.get ??= db.prepare('${SUM}')).get().v`,
  'allAsync of a statement': `(await (kept.all ??= db.prepare('${SUM}')).allAsync())[0].v`,
  getRecord: `db.getRecord(1).value * ${ROWS}`,
  getAllRecords: `db.getAllRecords()[0].value * ${ROWS}`,
  getRecordAsync: `(await db.getRecordAsync(1)).value * ${ROWS}`,
  getAllRecordsAsync: `(await db.getAllRecordsAsync())[0].value * ${ROWS}`
}

withStranger('a reader that may not write sees what the owner has written since, by every form', async t => {
  const { dir, file } = await atRest(t)
  const { ask } = await stranger(t, file)
  for (let n = 0; n < 3; n++) {
    for (const [form, code] of Object.entries(FORMS)) {
      t.deepEqual(await ask(`return ${code}`), { value: n * ROWS }, `${form}, ${n}`)
    }
    t.deepEqual(await ask(`return db.pragma('integrity_check', { simple: true })`), { value: 'ok' })
    await add(dir)
  }
  await asOwner(dir, db => db.exec('PRAGMA user_version = 7; ALTER TABLE t ADD COLUMN more'))
  t.deepEqual(await ask(`return db.pragma('user_version', { simple: true })`), { value: 7 })
  t.deepEqual(await ask(`return db.prepare('SELECT * FROM t').columns().length`), { value: 4 })
  t.deepEqual(readdirSync(dir).toSorted(), ['app.db', 'db.lock', 'open'])
})

withStranger('a reader that may not write sees what an owner writes who has it open', async t => {
  const { dir, file } = await atRest(t)
  const { ask } = await stranger(t, file)
  t.deepEqual(await ask(`return ${FORMS.get}`), { value: 0 })
  const db = new DB(join(dir, 'app.db'))
  for (let n = 1; n <= 3; n++) {
    await db.run('UPDATE t SET v = v + 1')
    for (const form of ['get', 'getAsync', 'iterate']) {
      t.deepEqual(await ask(`return ${FORMS[form]}`), { value: n * ROWS }, form)
    }
  }
  await db.close()
  t.deepEqual(await ask(`return ${FORMS.get}`), { value: 3 * ROWS })
})

for (const [form, more] of [
  ['iterate', 'kept.rows.next()'],
  ['iterateAsync', 'await kept.rows.next()']
] as const) {
  withStranger(`${form} without locks ends with an error when the database is changed under it`, async t => {
    const { dir, file } = await atRest(t)
    const { ask } = await stranger(t, file)
    const begin = `kept.rows = db.${form}('SELECT v FROM t'); return (${more}).value.v`
    const goOn = `let n = 1; while (!(${more}).done) n++; return n`
    t.deepEqual(await ask(begin), { value: 0 })
    t.deepEqual(await ask(goOn), { value: ROWS })
    t.deepEqual(await ask(begin), { value: 0 })
    await add(dir)
    t.deepEqual(await ask(goOn), { code: 'SQLITE_BUSY_SNAPSHOT' })
    t.deepEqual(await ask(begin), { value: 1 })
    t.deepEqual(await ask(goOn), { value: ROWS })
  })
}

withStranger('a backup without locks begins anew when the database is changed under it', async t => {
  const { dir, open, file } = await atRest(t)
  const { actor, ask } = await stranger(t, file)
  const [copy, go] = [join(open, 'app.db'), join(open, 'go')]
  const answer = ask(`let steps = 0
    const progress = () => { if (++steps === 2) { process.send('in the middle'); waitFor(${JSON.stringify(go)}) } }
    await db.backup(${JSON.stringify(copy)}, { pagesPerStep: 8, progress })`)
  t.is(await answer.then(({ code }) => code ?? 'in the middle'), 'in the middle')
  await add(dir)
  writeFileSync(go, '')
  t.deepEqual(await actor.says(), {})
  const copied = openDb(t, open)
  t.deepEqual(copied.get(SUM), { v: ROWS })
  t.is(copied.pragma('integrity_check', { simple: true }), 'ok')
})

/** Kills a program in the middle of a transaction on a database with a rollback journal, part of which is in the file. */
async function leaveJournal(t: ExecutionContext, file: string) {
  const program = `import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('PRAGMA cache_size = 5')
c.execute('BEGIN')
c.execute("UPDATE t SET v = 2, filler = filler || 'longer and longer'")
os._exit(0)`
  t.is((await run(t, 'python3', ['-c', program, file])).code, 0)
  t.true(existsSync(`${file}-journal`))
  chmodSync(`${file}-journal`, 0o644)
}

async function withRollbackJournal(t: ExecutionContext) {
  const dir = tmpDir(t)
  chmodSync(dir, 0o755)
  const file = join(dir, 'app.db')
  const program = `import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, v, filler)')
c.executemany('INSERT INTO t VALUES (?, 1, ?)', [(n, 'x' * 100) for n in range(${ROWS})])
c.commit()`
  t.is((await run(t, 'python3', ['-c', program, file])).code, 0)
  chmodSync(file, 0o644)
  return { dir, file }
}

withPython('a journal that a killed program has left is passed over by no reader', async t => {
  const { dir, file } = await withRollbackJournal(t)
  const db = openDb(t, dir, { readonly: true })
  t.deepEqual(db.get(SUM), { v: ROWS })
  await leaveJournal(t, file)
  t.throws(() => new DB(file, { readonly: true }), {
    code: 'SQLITE_READONLY_ROLLBACK',
    message: /-journal.*readonly/
  })
  t.throws(() => db.get(SUM), { code: 'SQLITE_READONLY_ROLLBACK' })
  t.throws(() => [...db.iterate(SUM)], { code: 'SQLITE_READONLY_ROLLBACK' })
  await t.throwsAsync(db.getAsync(SUM), { code: 'SQLITE_READONLY_ROLLBACK' })
  await t.throwsAsync(db.backup(join(dir, 'copy.db')), { code: 'SQLITE_READONLY_ROLLBACK' })
  const backup = await sqlock(t, 'backup', file, join(dir, 'copy.db'))
  t.is(backup.code, 74, backup.stderr)
  t.false(existsSync(join(dir, 'copy.db')))
  const doctor = await sqlock(t, 'doctor', '--json', '--quick-check', file)
  t.is(doctor.code, 1, doctor.stdout)
  t.true(existsSync(`${file}-journal`))
  t.deepEqual(openDb(t, dir).get(SUM), { v: ROWS })
  t.deepEqual(db.get(SUM), { v: ROWS })
})

if (isRoot) {
  withPython('nor by a reader that may not write', async t => {
    const { dir, file } = await withRollbackJournal(t)
    const { ask } = await stranger(t, file)
    await leaveJournal(t, file)
    for (const form of ['get', 'getAsync', 'iterate', 'allAsync of a statement']) {
      t.deepEqual(await ask(`return ${FORMS[form]}`), { code: 'SQLITE_READONLY_ROLLBACK' }, form)
    }
    t.deepEqual(openDb(t, dir).get(SUM), { v: ROWS })
    t.deepEqual(await ask(`return ${FORMS.get}`), { value: ROWS })
  })
}

test('a directory at the path is no database, for a reader too', t => {
  const dir = tmpDir(t)
  for (const readonly of [false, true])
    t.throws(() => new DB(dir, { readonly }), { code: 'SQLITE_CANTOPEN_ISDIR' })
})
