/** What a new database is made with, pageSize and autoVacuum, and what becomes of that later. */
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { DB } from '../index.js'
import type { DBOptions } from '../index.js'
import { rejection } from './helpers/block.ts'
import { Actor } from './helpers/child.ts'
import { hasSql, sql, stayIn } from './helpers/sqlite.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const AUTO_VACUUMS = ['NONE', 'FULL', 'INCREMENTAL'] as const
const OTHERS = { NONE: ['FULL', 'INCREMENTAL'], FULL: ['NONE', 'INCREMENTAL'], INCREMENTAL: ['NONE', 'FULL'] }

/** What the file is made with, as the DB sees it. */
const layout = (db: DB) =>
  ['page_size', 'auto_vacuum', 'journal_mode'].map(pragma => db.pragma(pragma, { simple: true }))
const autoVacuum = (db: DB) => AUTO_VACUUMS[Number(db.pragma('auto_vacuum', { simple: true }))]

const tooLate = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' }

for (const pageSize of [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]) {
  test(`a new database has pages of ${pageSize} bytes`, async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir, { pageSize })
    await db.createRecord('a', 1)
    t.deepEqual(layout(db), [pageSize, 0, 'wal'])
    t.deepEqual(layout(openDb(t, dir)), [pageSize, 0, 'wal'])
  })
}

for (const [value, mode] of AUTO_VACUUMS.entries()) {
  test(`a new database has autoVacuum ${mode}`, async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir, { autoVacuum: mode })
    await db.createRecord('a', 1)
    t.deepEqual(layout(db), [4096, value, 'wal'])
    t.deepEqual(layout(openDb(t, dir)), [4096, value, 'wal'])
  })
}

/** Each may be the first write of a database. */
const WRITES: [string, (db: DB) => Promise<unknown>][] = [
  ['run', db => db.run('CREATE TABLE t (a)')],
  ['exec', db => db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')],
  ['exec with BEGIN', db => db.exec('BEGIN; CREATE TABLE t (a); COMMIT')],
  ['execute', db => db.execute('CREATE TABLE t (a)')],
  ['batch', db => db.batch(['CREATE TABLE t (a)'])],
  ['transaction', db => db.transaction(tx => tx.run('CREATE TABLE t (a)'))],
  ['begin', db => db.begin().then(tx => tx.commit())],
  ['withWriteLock', db => db.withWriteLock(() => db.run('CREATE TABLE t (a)'))],
  ['migrate', db => db.migrate([{ id: '1', up: 'CREATE TABLE t (a)' }])],
  ['createRecord', db => db.createRecord('a', 1)],
  ['VACUUM', db => db.run('VACUUM')]
]

for (const [name, write] of WRITES) {
  test(`whatever is the first write of a new database, it has what was asked for: ${name}`, async t => {
    const db = openDb(t, tmpDir(t), { pageSize: 8192, autoVacuum: 'INCREMENTAL' })
    await write(db)
    t.deepEqual(layout(db), [8192, 2, 'wal'])
    t.is(db.pragma('integrity_check', { simple: true }), 'ok')
  })

  test(`a database that another one has made with other values since is an error of the first write: ${name}`, async t => {
    const dir = tmpDir(t)
    const late = [
      openDb(t, dir, { pageSize: 8192 }),
      openDb(t, dir, { autoVacuum: 'FULL' }),
      openDb(t, dir, { pageSize: 512, autoVacuum: 'NONE' })
    ]
    const equal = openDb(t, dir, { pageSize: 4096, autoVacuum: 'NONE' })
    await openDb(t, dir).run('CREATE TABLE other (a)')
    for (const db of late) {
      for (let n = 0; n < 2; n++) {
        const error = await rejection(write(db))
        t.like(error.cause ?? error, tooLate)
        t.regex(error.message, /(pageSize|autoVacuum) is for a new database/)
      }
      t.deepEqual(layout(db), [4096, 0, 'wal'])
      t.deepEqual(db.all('SELECT name FROM sqlite_schema'), [{ name: 'other' }])
    }
    await write(equal)
  })
}

test('an empty file is a new database, and with fileMustExist too', async t => {
  for (const options of [{}, { fileMustExist: true }] as DBOptions[]) {
    const dir = tmpDir(t)
    closeSync(openSync(join(dir, 'app.db'), 'w'))
    const db = openDb(t, dir, { ...options, pageSize: 1024, autoVacuum: 'FULL' })
    await db.createRecord('a', 1)
    t.deepEqual(layout(db), [1024, 1, 'wal'])
  }
})

test('a database that exists with other values is a TypeError of the constructor, one with the same is opened', async t => {
  const dir = tmpDir(t)
  const options: DBOptions = { pageSize: 8192, autoVacuum: 'FULL' }
  const db = openDb(t, dir, options)
  await db.createRecord('a', 1)
  for (const isOpen of [true, false]) {
    if (!isOpen) await db.close()
    for (const [other, message] of [
      [{ pageSize: 4096 }, /^pageSize is for a new database: this one has pages of 8192 bytes/],
      [{ ...options, pageSize: 16_384 }, /^pageSize/],
      [{ autoVacuum: 'NONE' }, /^autoVacuum is for a new database: this one has 'FULL'.*= NONE; VACUUM'\)/],
      [{ ...options, autoVacuum: 'INCREMENTAL' }, /^autoVacuum/]
    ] as const) {
      t.throws(() => openDb(t, dir, other), { ...tooLate, message })
    }
    for (const same of [options, { pageSize: 8192 }, { autoVacuum: 'FULL' }, {}] as const) {
      await openDb(t, dir, same).createRecord('b', 2)
    }
  }
})

test('with readonly they are refused, and no file is made', t => {
  const dir = tmpDir(t)
  for (const options of [{ pageSize: 4096 }, { autoVacuum: 'NONE' }] as const) {
    t.throws(() => openDb(t, dir, { ...options, readonly: true }), { ...tooLate, message: /readonly/ })
  }
  t.false(existsSync(join(dir, 'app.db')))
  t.throws(() => openDb(t, dir, { pageSize: 5 }), { instanceOf: RangeError, message: /power of two/ })
  t.false(existsSync(join(dir, 'app.db')))
})

if (hasSql) {
  test('a database that a program has to itself is opened at once, and its first write tells', async t => {
    const dir = tmpDir(t)
    const path = join(dir, 'app.db')
    await sql(t, path, 'CREATE TABLE t (a)')
    const program = await stayIn(t, path, 'BEGIN EXCLUSIVE')
    const db = openDb(t, dir, { pageSize: 8192, busyTimeout: 2 ** 31 - 1 })
    program.child.stdin!.end()
    await program.ended()
    t.like(await rejection(db.createRecord('a', 1)), tooLate)
    t.deepEqual(layout(db), [4096, 0, 'delete'])
  })

  test('a database that a program without the lock makes since is an error of the first write', async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir, { autoVacuum: 'FULL' })
    await sql(t, db.dbPath, 'PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE t (a)')
    t.like(await rejection(db.createRecord('a', 1)), tooLate)
    await openDb(t, dir, { pageSize: 1024, autoVacuum: 'INCREMENTAL' }).createRecord('a', 1)
    t.deepEqual(layout(db), [1024, 2, 'wal'])
  })
}

/** Eight processes that open a database and write to it at once. */
async function makeAtOnce(t: Parameters<typeof tmpDir>[0], dir: string, options: (n: number) => DBOptions) {
  const makers = Array.from(
    { length: 8 },
    (_, n) => new Actor(t, 'maker.mjs', [join(dir, 'app.db'), JSON.stringify(options(n))])
  )
  await Promise.all(makers.map(maker => maker.says()))
  for (const maker of makers) maker.tell('go')
  return Promise.all(makers.map(maker => maker.says<string>()))
}

test.serial('eight processes that make a database at once make one with what they all ask for', async t => {
  for (let round = 0; round < 3; round++) {
    const dir = tmpDir(t)
    const said = await makeAtOnce(t, dir, () => ({ pageSize: 16_384, autoVacuum: 'INCREMENTAL' }))
    t.deepEqual(said, Array(8).fill('written'))
    const db = openDb(t, dir)
    t.deepEqual(layout(db), [16_384, 2, 'wal'])
    t.is(db.getAllRecords().length, 8)
  }
})

test.serial(
  'of eight processes that ask for two page sizes those of one write and the others are told',
  async t => {
    for (let round = 0; round < 3; round++) {
      const dir = tmpDir(t)
      const pageSizes = [1024, 32_768]
      const said = await makeAtOnce(t, dir, n => ({ pageSize: pageSizes[n % 2] }))
      const db = openDb(t, dir)
      const won = pageSizes.indexOf(Number(db.pragma('page_size', { simple: true })))
      t.deepEqual(
        said,
        said.map((_, n) => (n % 2 === won ? 'written' : 'TypeError ERR_INVALID_ARG_VALUE'))
      )
      t.is(db.getAllRecords().length, 4)
      t.is(db.pragma('integrity_check', { simple: true }), 'ok')
    }
  }
)

test('a script changes auto_vacuum by the VACUUM that follows, in each direction and for everybody', async t => {
  const dir = tmpDir(t)
  const [db, other] = [openDb(t, dir), openDb(t, dir)]
  await db.createRecord('a', 1)
  for (const [argument, mode] of [
    ['FULL', 'FULL'],
    ['2', 'INCREMENTAL'],
    ['full', 'FULL'],
    ['none', 'NONE'],
    ['INCREMENTAL', 'INCREMENTAL'],
    ['0', 'NONE'],
    ['NONE', 'NONE']
  ] as const) {
    await db.exec(`PRAGMA auto_vacuum = ${argument}; VACUUM`)
    t.deepEqual([db, other].map(autoVacuum), [mode, mode], argument)
    t.is((await db.getAsync('PRAGMA auto_vacuum'))?.auto_vacuum, AUTO_VACUUMS.indexOf(mode))
    t.is(db.pragma('integrity_check', { simple: true }), 'ok')
  }
  await db.exec(
    "PRAGMA foreign_keys = OFF; PRAGMA main.auto_vacuum(FULL); VACUUM; INSERT INTO records VALUES (2, 'b', 2)"
  )
  t.is(autoVacuum(db), 'FULL')
  t.is(db.getAllRecords().length, 2)
})

// SQLite keeps the last value that a connection was given for its next VACUUM.
test('a VACUUM keeps the auto_vacuum that another DB has given to the file', async t => {
  const dir = tmpDir(t)
  const [db, other] = [openDb(t, dir, { autoVacuum: 'FULL' }), openDb(t, dir)]
  await db.createRecord('a', 1)
  await other.exec('PRAGMA auto_vacuum = NONE; VACUUM')
  for (const vacuum of [() => db.run('VACUUM'), () => db.exec('VACUUM'), () => db.execute('VACUUM')]) {
    await vacuum()
    t.deepEqual([db, other].map(autoVacuum), ['NONE', 'NONE'])
  }
  await db.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM')
  await other.run('VACUUM')
  t.deepEqual([db, other].map(autoVacuum), ['INCREMENTAL', 'INCREMENTAL'])
  // One that changes nothing is let through.
  await other.run('PRAGMA auto_vacuum = INCREMENTAL')
  await db.run('PRAGMA auto_vacuum = FULL')
  await other.run('VACUUM')
  t.deepEqual([db, other].map(autoVacuum), ['FULL', 'FULL'])
})

test('after a script that fails auto_vacuum is as before, and stays so at the next VACUUM', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  for (const before of AUTO_VACUUMS) {
    await db.exec(`PRAGMA auto_vacuum = ${before}; VACUUM`)
    for (const script of [
      'PRAGMA auto_vacuum = wrong; VACUUM',
      'PRAGMA auto_vacuum = 3; VACUUM',
      ...OTHERS[before].flatMap(mode => [
        `PRAGMA auto_vacuum = ${mode}; VACUUM INTO '${dir}/app.db'`,
        `PRAGMA auto_vacuum = ${mode}; VACUUM missing`,
        `INSERT INTO records VALUES (9, 'x', 9); PRAGMA auto_vacuum = ${mode}; VACUUM`,
        `BEGIN; PRAGMA auto_vacuum = ${mode}; VACUUM; COMMIT`,
        `PRAGMA auto_vacuum = ${mode}; SELECT missing`
      ])
    ]) {
      await rejection(db.exec(script))
      t.is(autoVacuum(db), before, script)
      await db.run('VACUUM')
      t.is(autoVacuum(db), before, script)
    }
  }
  t.is(db.getAllRecords().length, 1)
})

test('between FULL and INCREMENTAL auto_vacuum is a value of the file', async t => {
  const db = openDb(t, tmpDir(t), { autoVacuum: 'FULL' })
  await db.createRecord('a', 1)
  await db.run('PRAGMA auto_vacuum = INCREMENTAL')
  t.is(autoVacuum(db), 'INCREMENTAL')
  await db.batch(['PRAGMA auto_vacuum = FULL'])
  t.is(autoVacuum(db), 'FULL')
  await db.exec("PRAGMA auto_vacuum = INCREMENTAL; INSERT INTO records VALUES (2, 'b', 2)")
  t.is(autoVacuum(db), 'INCREMENTAL')
  for (const act of [
    () => db.exec('PRAGMA auto_vacuum = FULL; SELECT missing'),
    () => db.batch(['PRAGMA auto_vacuum = FULL', 'SELECT missing']),
    () => db.transaction(tx => tx.run('PRAGMA auto_vacuum = FULL').then(() => tx.run('SELECT missing')))
  ]) {
    await rejection(act())
    t.is(autoVacuum(db), 'INCREMENTAL')
    await db.createRecord('c', 3)
    t.is(autoVacuum(db), 'INCREMENTAL')
  }
  await db.transaction(tx => tx.run('PRAGMA auto_vacuum = FULL'))
  t.is(autoVacuum(db), 'FULL')
})

test('page_size is refused, and so is an auto_vacuum without its VACUUM', async t => {
  const db = openDb(t)
  await db.createRecord('a', 1)
  for (const [sql, use] of [
    ['PRAGMA page_size = 8192', /option pageSize .* WAL mode keeps the page size/],
    ['PRAGMA page_size = 8192; VACUUM', /option pageSize/],
    ['PRAGMA auto_vacuum = FULL', /option autoVacuum .* exec\('PRAGMA auto_vacuum = …; VACUUM'\)/],
    ['PRAGMA auto_vacuum = FULL; SELECT 1; VACUUM', /option autoVacuum/],
    ['PRAGMA auto_vacuum = INCREMENTAL; PRAGMA user_version = 1; VACUUM', /option autoVacuum/]
  ] as const) {
    const error = await rejection(db.exec(sql))
    t.is(error.code, 'SQLITE_AUTH', sql)
    t.regex(error.message, use)
    t.deepEqual(layout(db), [4096, 0, 'wal'])
  }
})

test('a backup has what the database was made with', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir, { pageSize: 2048, autoVacuum: 'INCREMENTAL' })
  await db.createRecord('a', 1)
  await db.backup(join(dir, 'copy.db'))
  const copy = new DB(join(dir, 'copy.db'), { readonly: true })
  t.deepEqual(layout(copy).slice(0, 2), [2048, 2])
  await copy.close()
})
