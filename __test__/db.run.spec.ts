/** run(): any writing statement, with values. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { LockTimeout, SqliteError, SqlockError } from '../index.js'
import type { DB, SqlInput } from '../index.js'
import { mustBlock, rejection } from './helpers/block.ts'
import { hasSql, sql } from './helpers/sqlite.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

async function withTable(t: ExecutionContext, columns = 'a, b, c') {
  const db = openDb(t)
  await db.run(`CREATE TABLE t (${columns})`)
  return db
}

const any = (value: unknown) => value as any

test('it tells what the statement has changed and inserted', async t => {
  const db = await withTable(t, 'id INTEGER PRIMARY KEY, a')
  t.deepEqual(await db.run('INSERT INTO t (a) VALUES (1), (2), (3)'), { changes: 3, lastInsertRowid: 3 })
  t.deepEqual(await db.run('UPDATE t SET a = 0'), { changes: 3, lastInsertRowid: 0 })
  t.deepEqual(await db.run('UPDATE t SET a = 0 WHERE id = 9'), { changes: 0, lastInsertRowid: 0 })
  t.deepEqual(await db.run('CREATE INDEX i ON t (a)'), { changes: 0, lastInsertRowid: 0 })
  t.deepEqual(await db.run('DELETE FROM t WHERE id > 1 RETURNING id'), { changes: 2, lastInsertRowid: 0 })
  t.deepEqual(await db.run('SELECT * FROM t'), { changes: 0, lastInsertRowid: 0 })
  t.deepEqual(await db.run('INSERT INTO t VALUES (9007199254740993, 1)'), {
    changes: 1,
    lastInsertRowid: 9007199254740993n as any
  })
})

test('rowids come in the integer mode of the DB', async t => {
  const db = openDb(t, tmpDir(t), { integers: 'bigint' })
  await db.run('CREATE TABLE t (a)')
  t.deepEqual(await db.run('INSERT INTO t VALUES (1)'), { changes: 1, lastInsertRowid: 1n })
})

test('counts are right for each write of a burst', async t => {
  const db = await withTable(t)
  const results = await Promise.all([
    db.run('INSERT INTO t VALUES (1, 2, 3)'),
    db.run('INSERT INTO t VALUES (1, 2, 3), (4, 5, 6)'),
    db.createRecord('a', 1),
    db.run('UPDATE t SET a = 7'),
    db.run('CREATE TABLE u (a)'),
    db.run('DELETE FROM t')
  ])
  t.deepEqual(results, [
    { changes: 1, lastInsertRowid: 1 },
    { changes: 2, lastInsertRowid: 3 },
    1,
    { changes: 3, lastInsertRowid: 0 },
    { changes: 0, lastInsertRowid: 0 },
    { changes: 3, lastInsertRowid: 0 }
  ])
})

test('parameters may be given in every form', async t => {
  const db = await withTable(t)
  await db.run('INSERT INTO t VALUES (?, ?, ?)', 1, 'a', null)
  await db.run('INSERT INTO t VALUES (?, ?, ?)', [1, 'a', null])
  await db.run('INSERT INTO t VALUES (:a, @b, $c)', { a: 1, b: 'a', c: null })
  await db.run('INSERT INTO t VALUES (:a, @b, $c)', { ':a': 1, '@b': 'a', $c: null })
  await db
    .run('INSERT INTO t VALUES (?, :b, ?)', 1, null, { b: 'a' })
    .then(() => db.run('UPDATE t SET b = b'))
  await db.run('INSERT INTO t VALUES (?1, ?2, ?3)', 1, 'a', null)
  await db.run({ sql: 'INSERT INTO t VALUES (?, ?, ?)', params: [1, 'a', null] })
  await db.run({ sql: 'INSERT INTO t VALUES (:a, :b, :c)', params: { a: 1, b: 'a', c: null } })
  const whole = Object.assign(Object.create(null), { a: 1, b: 'a', c: null, further: new Date(), nested: {} })
  await db.run('INSERT INTO t VALUES (:a, :b, :c)', whole)
  const { changes } = await db.run(`DELETE FROM t WHERE a = 1 AND b = 'a' AND c IS NULL`)
  t.is(changes, 9)
})

test('bytes are those of the call', async t => {
  const db = await withTable(t, 'a BLOB')
  const bytes = Buffer.from('before')
  const first = db.run('INSERT INTO t VALUES (?)', bytes)
  const second = db.run('INSERT INTO t VALUES (?)', bytes)
  bytes.fill(0)
  await Promise.all([first, second])
  t.is((await db.run(`DELETE FROM t WHERE a = CAST('before' AS BLOB)`)).changes, 2)
})

if (hasSql) {
  const VALUES: [SqlInput, string, string][] = [
    [null, 'null', 'NULL'],
    [0, 'integer', '0'],
    [-1, 'integer', '-1'],
    [2 ** 53 - 1, 'integer', '9007199254740991'],
    [-(2 ** 31) - 1, 'integer', '-2147483649'],
    [2n ** 63n - 1n, 'integer', '9223372036854775807'],
    [-(2n ** 63n), 'integer', '-9223372036854775808'],
    [1.5, 'real', '1.5'],
    [-0, 'real', '-0.0'],
    [1e300, 'real', '1.0e+300'],
    [Infinity, 'real', '9.0e+999'],
    [true, 'integer', '1'],
    [false, 'integer', '0'],
    ['', 'text', `''`],
    ['é☃😀', 'text', `'é☃😀'`],
    [Buffer.from([0, 255]), 'blob', `X'00FF'`],
    [new Uint16Array([258]).subarray(0, 1), 'blob', `X'0201'`],
    [new DataView(new ArrayBuffer(4), 1, 2), 'blob', `X'0000'`],
    [new ArrayBuffer(1), 'blob', `X'00'`],
    [new Uint8Array(0), 'blob', `X''`]
  ]

  test('values are stored as they are documented to be', async t => {
    const db = await withTable(t, 'n INTEGER, v')
    await Promise.all(VALUES.map(([value], n) => db.run('INSERT INTO t VALUES (?, ?)', n, value)))
    const rows = await sql(t, db.dbPath, '', 'SELECT typeof(v), quote(v) FROM t ORDER BY n')
    for (const [n, [, type, text]] of VALUES.entries()) {
      t.is(rows[n][0], type, `value ${n}`)
      // Older libraries write the sign of a zero and an infinity in another way.
      if (!['-0.0', '9.0e+999'].includes(text)) t.is(rows[n][1], text)
    }
  })

  test('a text with a NUL in it is stored whole', async t => {
    const db = await withTable(t, 'a')
    await db.run('INSERT INTO t VALUES (?)', 'x\0y')
    t.deepEqual(await sql(t, db.dbPath, '', 'SELECT hex(a) FROM t'), [['780079']])
  })
}

for (const [what, value, type] of [
  ['undefined', undefined, TypeError],
  ['a Date', new Date(), TypeError],
  ['a Map', new Map(), TypeError],
  ['an array', [[1]], TypeError],
  ['a function', () => {}, TypeError],
  ['a symbol', Symbol('x'), TypeError],
  ['a lone surrogate', '\ud800', TypeError],
  ['NaN', NaN, RangeError],
  ['2^53', 2 ** 53, RangeError],
  ['-2^63', -(2 ** 63), RangeError],
  ['a bigint of 65 bits', 2n ** 64n, RangeError]
] as [string, unknown, ErrorConstructor][]) {
  test(`${what} is not bound, and the error says which parameter it is`, async t => {
    const db = await withTable(t)
    const inserted = db.run('INSERT INTO t VALUES (1, 2, 3)')
    const positional = await rejection(db.run('INSERT INTO t VALUES (?, ?, ?)', 1, any(value), 3))
    t.true(positional instanceof type, positional.stack)
    t.regex(positional.message, /^parameter 2 /)
    const named = await rejection(db.run('INSERT INTO t VALUES (:a, 1, 2)', any({ a: value })))
    t.true(named instanceof type)
    t.regex(named.message, /^parameter a /)
    // What was encoded of them does not harm the writes around them.
    const after = db.run('DELETE FROM t')
    t.is((await inserted).changes, 1)
    t.is((await after).changes, 1)
  })
}

test('a getter that writes in its turn, or changes its mind, confuses nothing', async t => {
  const db = await withTable(t)
  const inner: Promise<unknown>[] = []
  let reads = 0
  const row = {
    get a() {
      inner.push(db.run('INSERT INTO t VALUES (?, ?, ?)', 'inner', 1, 2))
      return `read ${++reads}`
    },
    b: 1,
    c: 2
  }
  const busy = db.createRecord('busy', 1)
  const outer = db.run('INSERT INTO t VALUES (:a, :b, :c)', row)
  await Promise.all([busy, outer, ...inner])
  t.is(reads, 1)
  t.is((await db.run(`DELETE FROM t WHERE a IN ('inner', 'read 1') AND b = 1 AND c = 2`)).changes, 2)
})

test('a NUL does not cut the statement short', async t => {
  const db = await withTable(t)
  await db.run('INSERT INTO t VALUES (1, 2, 3)')
  for (const call of [() => db.run('DELETE FROM t\0 WHERE a = 9'), () => db.batch(['DELETE FROM t\0'])]) {
    const error = await rejection(call())
    t.true(error instanceof TypeError)
    t.regex(error.message, /NUL/)
  }
  t.is((await db.run('DELETE FROM t')).changes, 1)
})

test('any number of comments may stand before a statement', async t => {
  const db = await withTable(t)
  const { changes } = await db.run(`${'--\n'.repeat(1_000_000)}INSERT INTO t VALUES (1, 2, 3)`)
  t.is(changes, 1)
})

test('a whole row may be given whose further names occur elsewhere in the text', async t => {
  const db = await withTable(t, 'a, created')
  const row = { a: 1, created: new Date(), t: undefined, INSERT: {} }
  await db.run('INSERT INTO t (a, created) VALUES (:a, 5)', any(row))
  t.is((await db.run('DELETE FROM t WHERE a = 1 AND created = 5')).changes, 1)
})

test('a detached view is a TypeError that says which parameter it is', async t => {
  const db = await withTable(t)
  const bytes = new Uint8Array(8)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  const error = await rejection(db.run('INSERT INTO t VALUES (1, ?, 2)', bytes))
  if (error instanceof TypeError) t.regex(error.message, /^parameter 1 /)
  else t.fail(error.stack)
})

test('a temporary table does not come between a record and its table', async t => {
  const db = openDb(t)
  const id = await db.transaction(async tx => {
    await tx.run('CREATE TEMP TABLE records (id INTEGER PRIMARY KEY, name TEXT, value INTEGER)')
    return db.createRecord('a', 1)
  })
  t.deepEqual(db.getRecord(id), { id, name: 'a', value: 1 })
})

test('too few or too many values are a RangeError that says so', async t => {
  const db = await withTable(t)
  const cases: [SqlInput[] | [object], RegExp][] = [
    [[1, 2], /parameter 3 of 3 is missing/],
    [[], /parameter 1 of 3 is missing/],
    [[1, 2, 3, 4, 5], /2 more values than/]
  ]
  for (const [params, message] of cases) {
    const error = await rejection(db.run('INSERT INTO t VALUES (?, ?, ?)', ...any(params)))
    t.true(error instanceof RangeError)
    t.regex(error.message, message)
  }
  const named = await rejection(db.run('INSERT INTO t VALUES (:a, :b, :c)', { a: 1, c: 3 }))
  t.true(named instanceof RangeError)
  t.regex(named.message, /:b is missing/)
})

for (const text of [
  'BEGIN',
  ' -- x\n COMMIT',
  '/**/ROLLBACK',
  'SAVEPOINT a',
  'RELEASE a',
  'DELETE FROM t; COMMIT'
]) {
  test(`${JSON.stringify(text)} is ERR_SQLOCK_TRANSACTION and harms no write around it`, async t => {
    const db = await withTable(t)
    const before = db.run('INSERT INTO t VALUES (1, 2, 3)')
    const error = await rejection(db.run(text))
    t.true(error instanceof SqlockError)
    t.is(error.code, 'ERR_SQLOCK_TRANSACTION')
    t.is((await before).changes, 1)
    t.is((await db.run('DELETE FROM t')).changes, 1)
  })
}

test('ATTACH is refused with the reason', async t => {
  const db = await withTable(t)
  const error = await rejection(db.run(`ATTACH ? AS other`, `${db.baseDir}/other.db`))
  t.is(error.code, 'SQLITE_AUTH')
  t.true(error.message.includes('another lock'))
})

test('an error of SQLite carries the statement and where it is wrong, never a value', async t => {
  const db = await withTable(t, 'a UNIQUE')
  const syntax = await rejection(db.run('INSERT INTO t VALUEZ (1)'))
  t.true(syntax instanceof SqliteError)
  t.is(syntax.code, 'SQLITE_ERROR')
  t.is(syntax.sql, 'INSERT INTO t VALUEZ (1)')
  t.is(syntax.offset, 14)
  t.true(syntax.stack.includes('db.run.spec.ts'), syntax.stack)
  await db.run('INSERT INTO t VALUES (?)', 'secret')
  const unique = await rejection(db.run('INSERT INTO t VALUES (?)', 'secret'))
  t.is(unique.code, 'SQLITE_CONSTRAINT_UNIQUE')
  t.is(unique.sql, 'INSERT INTO t VALUES (?)')
  t.is(unique.offset, -1)
  t.false(JSON.stringify(unique).includes('secret') || unique.message.includes('secret'))
})

for (const text of ['', ' ', '-- nothing', ';', 'SELECT 1; SELECT 2', 'SELECT "misspelt"']) {
  test(`${JSON.stringify(text)} is an error of SQLite or of the argument`, async t => {
    const db = await withTable(t)
    const error = await rejection(db.run(text))
    t.true(error instanceof SqliteError, error.stack)
  })
}

test('VACUUM and pragmas run alone, in their place', async t => {
  const db = await withTable(t)
  const results = await Promise.all([
    db.run('INSERT INTO t VALUES (1, 2, 3)'),
    db.run('PRAGMA user_version = 7'),
    db.run('VACUUM'),
    db.run('INSERT INTO t VALUES (4, 5, 6)'),
    db.run('PRAGMA foreign_keys = OFF')
  ])
  t.deepEqual(
    results.map(({ changes }) => changes),
    [1, 0, 0, 1, 0]
  )
  t.is(db.pragma('user_version', { simple: true }), 7)
})

test('a query may have a timeout of its own', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const db = openDb(t, dir, { timeout: 10_000 })
  const patient = db.createRecord('a', 1)
  const error = await rejection(db.run({ sql: 'CREATE TABLE t (a)', timeout: 20 }))
  t.true(error instanceof LockTimeout)
  t.is(error.timeoutMs, 20)
  await guard.release()
  t.is(await patient, 1)
  t.is((await db.run({ sql: 'CREATE TABLE t (a)', timeout: Infinity })).changes, 0)
})

test('a query that is aborted while it waits is not run', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const db = openDb(t, dir, { timeout: Infinity })
  const aborts = [new AbortController(), new AbortController()]
  const [first, second] = aborts.map(({ signal }, n) =>
    db.run({ sql: 'INSERT INTO records (name, value) VALUES (?, ?)', params: ['aborted', n], signal })
  ) as [Promise<unknown>, Promise<unknown>]
  const third = db.createRecord('written', 1)
  await mustBlock(t, Promise.race([first, second, third]))
  aborts[1]?.abort('behind')
  aborts[0]?.abort('waiting')
  t.is(await rejection(second), 'behind')
  t.is(await rejection(first), 'waiting')
  await guard.release()
  t.is(await third, 1)
  t.is(await rejection(db.run({ sql: 'SELECT 1', signal: AbortSignal.abort('no') })), 'no')
  t.deepEqual(
    db.getAllRecords().map(row => row.name),
    ['written']
  )
})

test('the arguments of run are checked', async t => {
  const db = openDb(t)
  for (const [query, ...params] of [
    [5],
    [null],
    [undefined],
    [{}],
    [{ sql: 5 }],
    [{ sql: 'SELECT 1', parms: [] }]
  ]) {
    t.true((await rejection(db.run(any(query), ...any(params)))) instanceof TypeError)
  }
  t.true((await rejection(db.run({ sql: 'SELECT ?', params: [1] }, ...any([2])))) instanceof TypeError)
  t.true((await rejection(db.run({ sql: 'SELECT 1', timeout: NaN }))) instanceof RangeError)
})

test('statements under a hold run under it', async t => {
  const db: DB = await withTable(t)
  await db.withWriteLock(async () => {
    await db.run('INSERT INTO t VALUES (1, 2, 3)')
    t.is((await rejection(db.run('COMMIT'))).code, 'ERR_SQLOCK_TRANSACTION')
    t.is((await db.run('DELETE FROM t')).changes, 1)
  })
})
