/** migrate(): each migration once over all processes. */
import { join } from 'node:path'
import test from 'ava'
import { LockTimeout } from '../index.js'
import type { DB, DBOptions, MigrateOptions, Migration, Transaction } from '../index.js'
import { rejection } from './helpers/block.ts'
import { Actor, has, runScript } from './helpers/child.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const FIRST: Migration = { id: '1', up: 'CREATE TABLE t (a); INSERT INTO t VALUES (1)' }
const SECOND: Migration = {
  id: '2',
  up: async tx => {
    const { a } = tx.get('SELECT a FROM t') as { a: number }
    await tx.run('INSERT INTO t VALUES (?)', a + 1)
  }
}

const tables = (db: ReturnType<typeof openDb>) =>
  db.all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").map(row => row.name)

test('what is missing is applied, in the order given, and noted down', async t => {
  const db = openDb(t)
  t.deepEqual(await db.migrate([]), { applied: [] })
  t.deepEqual(await db.migrate([FIRST]), { applied: ['1'] })
  t.deepEqual(await db.migrate([FIRST, SECOND]), { applied: ['2'] })
  t.deepEqual(await db.migrate([FIRST, SECOND]), { applied: [] })
  t.deepEqual(db.all('SELECT a FROM t'), [{ a: 1 }, { a: 2 }])
  const history = db.all('SELECT * FROM _sqlock_migrations')
  t.deepEqual(
    history.map(row => row.id),
    ['1', '2']
  )
  t.regex(String(history[0]?.applied_at), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('an id that is empty, or is there twice, is an error of the arguments, and nothing is applied', async t => {
  const db = openDb(t)
  const cases: [Migration[], RegExp][] = [
    [[FIRST, { id: '', up: '' }], /^migrations\[1\]\.id must not be empty/],
    [[FIRST, SECOND, { id: '1', up: '' }], /^migrations\[2\]\.id must be unique/]
  ]
  for (const [list, message] of cases) {
    const error = await rejection(db.migrate(list))
    t.is(error.code, 'ERR_INVALID_ARG_VALUE')
    t.regex(error.message, message)
  }
  t.deepEqual(tables(db), [])
})

test('eight processes that migrate at once apply each migration once', async t => {
  const dir = tmpDir(t)
  const script = `
    const migrations = Array.from({ length: 10 }, (_, n) => ({ id: 'm' + n, up: async tx => {
      await tx.exec('CREATE TABLE t' + n + ' (a)')
      await tx.exec('CREATE TABLE IF NOT EXISTS log (id, pid)')
      await tx.run('INSERT INTO log VALUES (?, ?)', 'm' + n, process.pid)
    } }))
    const db = new DB(dir + '/app.db')
    db.migrate(migrations).then(({ applied }) => { console.log(applied.length); return db.close() })`
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => runScript(t, dir, script)))
  for (const { code, stderr } of outcomes) t.is(code, 0, stderr)
  t.is(
    outcomes.reduce((sum, { stdout }) => sum + Number(stdout), 0),
    10
  )
  const ids = Array.from({ length: 10 }, (_, n) => `m${n}`)
  const db = openDb(t, dir)
  t.deepEqual(
    db.all('SELECT id FROM log ORDER BY rowid').map(row => row.id),
    ids
  )
  t.deepEqual(
    db.all('SELECT id FROM _sqlock_migrations ORDER BY seq').map(row => row.id),
    ids
  )
})

test('nothing of a migration that fails stays, and those before it do', async t => {
  const db = openDb(t)
  for (const up of [
    'CREATE TABLE u (a); INSERT INTO none VALUES (1)',
    'CREATE TABLE u (a); COMMIT',
    async (tx: any) => {
      await tx.exec('CREATE TABLE u (a)')
      throw new Error('no')
    },
    (tx: any) => void tx.exec('CREATE TABLE u (a); INSERT INTO none VALUES (1)')
  ]) {
    const error = await rejection(db.migrate([FIRST, { id: 'bad', up }]))
    t.is(error.code, 'ERR_SQLOCK_MIGRATION')
    t.true(error.message.includes("'bad'"), error.message)
    t.true(error.cause instanceof Error)
    t.deepEqual(tables(db), ['_sqlock_migrations', 't'])
    t.deepEqual(db.all('SELECT id FROM _sqlock_migrations'), [{ id: '1' }])
  }
  t.deepEqual(await db.migrate([FIRST, SECOND]), { applied: ['2'] })
})

test('a history that is not the beginning of the list is an error that says where', async t => {
  const db = openDb(t)
  await db.migrate([FIRST, SECOND])
  for (const [list, told] of [
    [[FIRST], /migration 2 .* '2', but it is not given/],
    [[SECOND, FIRST], /migration 1 .* '1', but '2' is given/],
    [[FIRST, { id: '1b', up: '' }, SECOND], /migration 2 .* '2', but '1b' is given/],
    [[], /migration 1/]
  ] as const) {
    const error = await rejection(db.migrate(list))
    t.is(error.code, 'ERR_SQLOCK_MIGRATION')
    t.regex(error.message, told)
  }
})

test('the history may have another name', async t => {
  const db = openDb(t)
  await db.migrate([FIRST], { table: 'my "history"' })
  t.deepEqual(await db.migrate([FIRST, SECOND], { table: 'my "history"' }), { applied: ['2'] })
  t.deepEqual(tables(db), ['my "history"', 't'])
})

test('nothing is locked when nothing is missing; otherwise it waits, with a timeout of its own', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir, { timeout: 0 })
  await db.migrate([FIRST])
  const locker = openLocker(t, dir)
  await locker.acquire()
  t.deepEqual(await db.migrate([FIRST]), { applied: [] })
  t.true((await rejection(db.migrate([FIRST, SECOND], { timeout: 5 }))) instanceof LockTimeout)
  const waiting = db.migrate([FIRST, SECOND])
  t.is(
    (await rejection(db.migrate([FIRST, SECOND], { signal: AbortSignal.timeout(5) }))).name,
    'TimeoutError'
  )
  await locker.unlock()
  t.deepEqual(await waiting, { applied: ['2'] })
})

test('an abort rolls back the migration that runs, and tells the reason', async t => {
  const db = openDb(t)
  const controller = new AbortController()
  const hangs: Migration = {
    id: '2',
    up: async tx => {
      await tx.exec('CREATE TABLE u (a)')
      controller.abort('enough')
      await new Promise(() => {})
    }
  }
  t.is(await rejection(db.migrate([FIRST, hangs], { signal: controller.signal })), 'enough')
  t.deepEqual(tables(db), ['_sqlock_migrations', 't'])
})

test('in a transaction the migrations belong to it', async t => {
  const db = openDb(t)
  await t.throwsAsync(
    db.transaction(async () => {
      t.deepEqual(await db.migrate([FIRST, SECOND]), { applied: ['1', '2'] })
      throw new Error('undone')
    })
  )
  t.deepEqual(tables(db), [])
  t.deepEqual(await db.withWriteLock(() => db.migrate([FIRST])), { applied: ['1'] })
})

test('a process that is killed while it migrates leaves nothing of that migration', async t => {
  const dir = tmpDir(t)
  const migrator = new Actor(t, 'migrator.mjs', [join(dir, 'app.db')])
  t.is(await migrator.says(), 'inside the second')
  await migrator.kill()
  const db = openDb(t, dir)
  t.deepEqual(tables(db), ['_sqlock_migrations', 't'])
  t.deepEqual(await db.migrate([FIRST, SECOND]), { applied: ['2'] })
})

test('bad lists are refused, and the item is named', async t => {
  const any = openDb(t) as any
  for (const [list, name] of [
    [undefined, 'migrations'],
    [[null], 'migrations[0]'],
    [[FIRST, { id: 1, up: '' }], 'migrations[1].id'],
    [[{ id: 'a', up: 5 }], 'migrations[0].up'],
    [[{ id: 'a', up: '', down: '' }], 'migrations[0]'],
    [[FIRST, FIRST], 'migrations[1].id']
  ] as const) {
    const error = await rejection(any.migrate(list))
    t.is(error.name, 'TypeError')
    t.true(error.message.includes(name), error.message)
  }
  t.is((await rejection(any.migrate([], { table: '' }))).name, 'TypeError')
  t.is((await rejection(any.migrate([], { tables: 'x' }))).name, 'TypeError')
})

/** Parents with children, of which one has lost its parent before. */
const FAMILY = `CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT);
  CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p ON DELETE CASCADE);
  INSERT INTO p VALUES (1, 'a'), (2, 'b'); INSERT INTO c VALUES (1, 1), (2, 1), (3, 2)`
const ORPHAN = 'PRAGMA foreign_keys = OFF; INSERT INTO c VALUES (4, 99); PRAGMA foreign_keys = ON'
const REBUILD = `CREATE TABLE p_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL); INSERT INTO p_new SELECT id, name FROM p;
  DROP TABLE p; ALTER TABLE p_new RENAME TO p`
const WITH_ANOTHER_KEY = `CREATE TABLE c_new (id INTEGER PRIMARY KEY, first INTEGER REFERENCES p, p INTEGER REFERENCES p);
  INSERT INTO c_new SELECT id, NULL, p FROM c; DROP TABLE c; ALTER TABLE c_new RENAME TO c`

async function withFamily(t: Parameters<typeof openDb>[0], options?: DBOptions) {
  const db = openDb(t, tmpDir(t), options)
  await db.exec(FAMILY)
  return db
}

const children = (db: DB) => db.get('SELECT count(*) AS n FROM c')

/** Are foreign keys enforced in writes and told in reads? */
async function isEnforced(db: DB) {
  const inserted = await db.batch(['INSERT INTO c VALUES (1000, 77)', 'DELETE FROM c WHERE id = 1000']).then(
    () => true,
    () => false
  )
  const told = [
    db.pragma('foreign_keys', { simple: true }),
    (await db.getAsync('PRAGMA foreign_keys'))?.foreign_keys
  ]
  return [!inserted, ...told.map(value => value === 1)]
}

for (const [name, up] of [
  ['a script', REBUILD],
  ['a function', (tx: Transaction) => tx.exec(REBUILD)]
] as const) {
  test(`a table is made again without its children, by ${name}, and foreign keys are as before`, async t => {
    const db = await withFamily(t)
    await db.migrate([{ id: '1', up, foreignKeys: false }])
    t.deepEqual(children(db), { n: 3 })
    t.deepEqual(await isEnforced(db), [true, true, true])
  })
}

test('a migration without foreign keys that breaks some fails, and nothing of it stays', async t => {
  const db = await withFamily(t)
  await db.exec(ORPHAN)
  for (const up of [
    'INSERT INTO c VALUES (5, 55)',
    'DELETE FROM p WHERE id = 2',
    'DROP TABLE p',
    'UPDATE c SET p = 98 WHERE p = 2'
  ]) {
    const error = await rejection(db.migrate([{ id: '1', up, foreignKeys: false }]))
    t.is(error.code, 'ERR_SQLOCK_MIGRATION', up)
    t.is(error.cause.code, 'SQLITE_CONSTRAINT_FOREIGNKEY', up)
    t.regex(error.message, /\d more rows of c refer to no row of p/)
    t.deepEqual(children(db), { n: 4 })
    t.deepEqual(await isEnforced(db), [true, true, true])
  }
})

test('rows that referred to nothing before block no migration without foreign keys', async t => {
  const db = await withFamily(t)
  await db.exec(ORPHAN)
  await db.migrate([
    { id: '1', up: REBUILD, foreignKeys: false },
    { id: '2', up: WITH_ANOTHER_KEY, foreignKeys: false },
    { id: '3', up: 'DELETE FROM c WHERE id = 4; INSERT INTO c VALUES (4, NULL, 98)', foreignKeys: false }
  ])
  t.deepEqual(children(db), { n: 4 })
})

test('a parent without a unique key blocks only the migration that makes it so', async t => {
  const db = await withFamily(t)
  const lose =
    'CREATE TABLE p_new (id, name); INSERT INTO p_new SELECT * FROM p; DROP TABLE p; ALTER TABLE p_new RENAME TO p'
  const error = await rejection(db.migrate([{ id: '1', up: lose, foreignKeys: false }]))
  t.is(error.cause.code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
  await db.exec(`PRAGMA foreign_keys = OFF; ${lose}; PRAGMA foreign_keys = ON`)
  await db.migrate([{ id: '1', up: 'CREATE TABLE other (a)', foreignKeys: false }])
  t.pass()
})

test('after a migration without foreign keys that fails they are as before, however it fails', async t => {
  const db = await withFamily(t)
  const controller = new AbortController()
  const fail = (up: Migration['up'], options?: MigrateOptions) =>
    rejection(db.migrate([{ id: '1', up, foreignKeys: false }], options))
  await fail('SELECT missing')
  t.deepEqual(await isEnforced(db), [true, true, true])
  await fail(() => Promise.reject(new Error('no')))
  t.deepEqual(await isEnforced(db), [true, true, true])
  await fail(tx => tx.run("INSERT OR ROLLBACK INTO p VALUES (1, 'again')").then(() => {}))
  t.deepEqual(await isEnforced(db), [true, true, true])
  await fail(async tx => {
    await tx.rollback()
    throw new Error('ended')
  })
  t.deepEqual(await isEnforced(db), [true, true, true])
  const reason = await fail(
    async () => {
      controller.abort('left')
      await new Promise(() => {})
    },
    { signal: controller.signal }
  )
  t.is(reason, 'left')
  t.deepEqual(await isEnforced(db), [true, true, true])
  t.deepEqual(children(db), { n: 3 })
})

if (has('prlimit')) {
  test('after a migration without foreign keys whose COMMIT fails nothing of it stays, and they are as before', async t => {
    const script = `
      const { execFileSync } = require('node:child_process')
      const limit = bytes => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':unlimited'])
      const up = async tx => {
        await tx.exec(${JSON.stringify(REBUILD)})
        // All of it is in memory, so that nothing but the COMMIT has to write.
        limit(1)
      }
      ;(async () => {
        const db = new DB(dir + '/app.db')
        await db.exec(${JSON.stringify(FAMILY)})
        const error = await db.migrate([{ id: '1', up, foreignKeys: false }]).catch(error => error)
        limit('unlimited')
        const orphan = await db.run('INSERT INTO c VALUES (9, 99)').catch(error => error)
        const told = [db.pragma('foreign_keys', { simple: true }), (await db.getAsync('PRAGMA foreign_keys')).foreign_keys]
        const [{ n }, tables] = [db.get('SELECT count(*) AS n FROM c'), db.all('SELECT name FROM sqlite_schema')]
        await db.migrate([{ id: '1', up: tx => tx.exec(${JSON.stringify(REBUILD)}), foreignKeys: false }])
        const again = db.get('SELECT count(*) AS n FROM c').n
        await db.close()
        console.log(JSON.stringify({ codes: [error.code, error.cause.code, orphan.code], told, n, tables, again }))
      })()`
    const { code, stdout, stderr } = await runScript(t, tmpDir(t), script)
    t.is(code, 0, stderr)
    t.deepEqual(JSON.parse(stdout), {
      codes: ['ERR_SQLOCK_MIGRATION', 'SQLITE_IOERR_WRITE', 'SQLITE_CONSTRAINT_FOREIGNKEY'],
      told: [1, 1],
      n: 3,
      tables: [{ name: 'p' }, { name: 'c' }],
      again: 3
    })
  })
}

test('where foreign keys are not enforced a migration without them is not checked', async t => {
  const db = await withFamily(t, { foreignKeys: false })
  await db.migrate([{ id: '1', up: 'DELETE FROM p', foreignKeys: false }])
  t.deepEqual(children(db), { n: 3 })
  t.deepEqual(await isEnforced(db), [false, false, false])
})

test('a migration without foreign keys is refused in a transaction of the program', async t => {
  const db = await withFamily(t)
  await db.transaction(async () => {
    const error = await rejection(db.migrate([{ id: '1', up: REBUILD, foreignKeys: false }]))
    t.is(error.cause.code, 'ERR_SQLOCK_TRANSACTION')
  })
  t.deepEqual(children(db), { n: 3 })
  await db.withWriteLock(() => db.migrate([{ id: '1', up: REBUILD, foreignKeys: false }]))
  t.deepEqual(children(db), { n: 3 })
})

test('foreignKeys of a migration is a boolean', async t => {
  const db = openDb(t)
  const migrations: any[] = [{ id: '1', up: '', foreignKeys: 'off' }]
  t.regex((await rejection(db.migrate(migrations))).message, /^migrations\[0\]\.foreignKeys must be/)
})
