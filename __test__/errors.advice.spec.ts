/** A refusal says which call to use instead, and shows no value. */
import { join } from 'node:path'
import test from 'ava'
import { DB } from '../index.js'
import { rejection } from './helpers/block.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

/** Each reads a text on its own way. */
const READS: [string, (db: any, sql: string) => any][] = [
  ['get', (db, sql) => db.get(sql)],
  ['all', (db, sql) => db.all(sql)],
  ['iterate', (db, sql) => [...db.iterate(sql)]],
  ['iterateAsync', (db, sql) => db.iterateAsync(sql).next()],
  ['statement.get', (db, sql) => db.prepare(sql).get()],
  ['statement.all', (db, sql) => db.prepare(sql).all()],
  ['statement.iterate', (db, sql) => [...db.prepare(sql).iterate()]],
  ['statement.iterateAsync', (db, sql) => db.prepare(sql).iterateAsync().next()]
]
const WRITES: [string, string][] = [
  [
    "INSERT INTO t VALUES ('hunter2')",
    'INSERT is a write: use run(), or getAsync() and allAsync() for its RETURNING rows'
  ],
  ["INSERT INTO t VALUES ('hunter2') RETURNING a", 'INSERT is a write: use run(), or getAsync()'],
  ["-- hunter2\n update t SET a = 'hunter2'", 'UPDATE is a write: use run(), or getAsync()'],
  ["DELETE FROM t WHERE a = 'hunter2'", 'DELETE is a write: use run(), or getAsync()'],
  ["REPLACE INTO t VALUES ('hunter2')", 'REPLACE is a write: use run(), or getAsync()'],
  [
    "WITH c(a) AS (VALUES ('hunter2')) INSERT INTO t SELECT a FROM c",
    'the statement is a write: use run(), or'
  ],
  ['CREATE TABLE hunter2 (a)', 'CREATE is a write: use run()'],
  ['VACUUM', 'VACUUM is a write: use run()'],
  ['PRAGMA journal_mode = WAL', 'PRAGMA journal_mode is a write here: the database is always in WAL mode'],
  ['PRAGMA wal_checkpoint', 'PRAGMA wal_checkpoint is a write here: use checkpoint()'],
  ['PRAGMA user_version = 8675309', 'PRAGMA user_version is a write here: use run()']
]
const silent = (t: any, message: string) => t.notRegex(message, /hunter2|8675309/)

for (const [name, read] of READS) {
  test(`a statement that writes and is given to ${name} is refused with the call to use`, async t => {
    const db = openDb(t)
    await db.exec('CREATE TABLE t (a)')
    const refused = async (on: any) => {
      for (const [sql, advice] of WRITES) {
        // SQLite lets nobody compile a VACUUM or a change of the mode in a transaction.
        const error = await rejection((async () => read(on, sql))())
        t.is(error.code, 'ERR_SQLOCK_SYNC_WRITE', error.stack)
        t.true(error.message.startsWith(advice), error.message)
        silent(t, error.message)
      }
    }
    await refused(db)
    if (!name.endsWith('iterateAsync')) await db.transaction(refused)
  })
}

test('pragma() that writes is refused with what to use', t => {
  const db = openDb(t)
  for (const [source, advice] of [
    [
      'journal_mode = WAL',
      /^PRAGMA journal_mode is a write here: the database is always in WAL mode: leave the pragma out$/
    ],
    ['main.journal_mode(delete)', /^PRAGMA journal_mode is a write here: /],
    ['foreign_keys = OFF', /use run\(\)$/],
    ['synchronous = OFF', /use run\(\)$/],
    ['busy_timeout = 8675309', /use the option busyTimeout of the DB$/],
    ['wal_checkpoint(TRUNCATE)', /use checkpoint\(\)$/],
    ['user_version = 8675309', /use run\(\)$/],
    ['defer_foreign_keys = ON', /use it in transaction\(\), begin\(\), batch\(\) or exec\(\)$/],
    ['cache_size = 8675309', /leave the pragma out$/],
    ['soft_heap_limit = 8675309', /leave the pragma out$/],
    ['count_changes = ON', /leave it out$/],
    ['page_size = 8192', /use the option pageSize of a new DB/],
    ['auto_vacuum = FULL', /use the option autoVacuum of a new DB.*exec\(/]
  ] as const) {
    const { message } = t.throws(() => db.pragma(source), { code: 'ERR_SQLOCK_SYNC_WRITE', message: advice })
    silent(t, message)
  }
})

for (const [sql, advice] of [
  ['BEGIN', /^BEGIN is refused: use transaction\(fn\), or begin\(\) with its commit\(\) and rollback\(\)$/],
  ['-- hunter2\nbegin immediate', /^BEGIN is refused: use transaction\(fn\)/],
  ['COMMIT', /^COMMIT is refused: transaction\(fn\) commits by itself/],
  ['END', /^END is refused: transaction\(fn\) commits by itself/],
  ['ROLLBACK', /^ROLLBACK is refused: throw in the function of transaction\(fn\)/],
  ['SAVEPOINT hunter2', /^SAVEPOINT is refused: use savepoint\(fn\) or begin\(\) of a transaction$/],
  ['RELEASE hunter2', /^RELEASE is refused: use savepoint\(fn\)/]
] as const) {
  test(`transaction control is refused with the call to use: ${sql}`, async t => {
    const db = openDb(t)
    const refused = async (on: any) => {
      for (const call of [
        () => on.run(sql),
        () => on.get(sql),
        () => on.all(sql),
        () => on.prepare(sql),
        () => on.execute(sql),
        () => on.getAsync(sql),
        () => on.iterateAsync(sql).next(),
        () => on.batch([sql])
      ]) {
        const error = await rejection((async () => call())())
        t.is(error.code, 'ERR_SQLOCK_TRANSACTION', String(call))
        t.regex(error.message, advice)
        silent(t, error.message)
      }
    }
    await refused(db)
    await db.transaction(refused)
  })
}

test('what people try who come from other libraries is refused with what to use here', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const path = join(dir, 'other.db')
  const cases: [() => any, RegExp][] = [
    [
      () => (db as any).exec('INSERT INTO t VALUES (?)', 'hunter2'),
      /^exec\(\) takes no values: use run\(\) .* batch\(\)/
    ],
    [
      () => db.exec({ sql: 'SELECT ?', params: ['hunter2'] } as any),
      /^exec\(\) takes no values: use run\(\) .* batch\(\)/
    ],
    [
      () => db.transaction(tx => (tx as any).exec('SELECT ?', ['hunter2'])),
      /^exec\(\) takes no values: use run\(\)/
    ],
    [
      () => new DB(':memory:'),
      /^dbPath must be a file, .* instead of ':memory:' use one in a temporary directory/
    ],
    [() => db.backup(':memory:'), /^destination must be a file, .* temporary directory/],
    [
      () => new DB(path, { verbose: () => {} } as any),
      /^unknown option 'verbose' in options; .* sqlock:batch /
    ],
    [
      () => new DB(path, { nativeBinding: 'hunter2' } as any),
      /^unknown option 'nativeBinding' in options; .* without it/
    ],
    [
      () => new DB(path, { readOnly: true } as any),
      /^unknown option 'readOnly' in options; the option is readonly/
    ],
    [
      () => new DB(path, { toString: 1 } as any),
      /^unknown option 'toString' in options; known are readonly, /
    ],
    [
      () => db.run('SELECT 1; SELECT 2'),
      /^there are several statements in the text: use exec\(\), or batch\(\)$/
    ],
    [
      () => db.get('SELECT 1; SELECT 2'),
      /^there are several statements in the text: use exec\(\), or batch\(\)$/
    ],
    [() => db.run("ATTACH 'hunter2' AS other"), /^ATTACH is refused: .* open it with a DB of its own$/]
  ]
  for (const [call, advice] of cases) {
    const error = await rejection((async () => call())())
    t.regex(error.message, advice, String(call))
    silent(t, error.message)
  }
})
