/** Values come back as they were bound, by every way to read. */
import { deepStrictEqual } from 'node:assert'
import test from 'ava'
import fc from 'fast-check'
import type { IntegerMode, SqlValue, Statement } from '../index.js'
import { rejection } from './helpers/block.ts'
import { seedOf } from './helpers/seed.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const VALUES: SqlValue[] = [
  null,
  0,
  -0,
  1,
  -1,
  0.1,
  1e300,
  5e-324,
  Infinity,
  -Infinity,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  '',
  'text',
  'a\0b',
  '\u{1f600} é ſ \u{10ffff}',
  'x'.repeat(100_000),
  'é'.repeat(5000),
  Buffer.alloc(0),
  Buffer.from([0, 255, 1, 128]),
  Buffer.alloc(100_000, 7)
]

async function read(
  t: any,
  mode: 'number' | 'bigint' | 'auto',
  values: unknown[],
  select = 'SELECT v FROM t ORDER BY n'
) {
  const db = openDb(t, tmpDir(t), { integers: mode })
  await db.run('CREATE TABLE t (n INTEGER PRIMARY KEY, v)')
  await db.batch(values.map(v => ({ sql: 'INSERT INTO t (v) VALUES (?)', params: [v as any] })))
  const statement = db.prepare(select).pluck()
  const ways = {
    all: statement.all(),
    iterate: [...statement.iterate()],
    get: values.map((_, n) =>
      db
        .prepare('SELECT v FROM t WHERE n = ?')
        .pluck()
        .get(n + 1)
    ),
    allAsync: await statement.allAsync(),
    inTransaction: await db.transaction(tx => tx.prepare(select).pluck().allAsync())
  }
  return { db, ways }
}

test('every kind of value, mixed in one column', async t => {
  const { ways } = await read(t, 'number', VALUES)
  for (const [way, values] of Object.entries(ways)) {
    t.is(values.length, VALUES.length, way)
    values.forEach((value, n) => {
      t.deepEqual(value, VALUES[n], `${way} ${n}`)
      t.is(Object.is(value, -0), Object.is(VALUES[n], -0))
      if (Buffer.isBuffer(value)) t.is(value.buffer.byteLength, value.length, 'it owns its memory')
    })
  }
})

test('columns of one type', async t => {
  for (const values of [
    [1, 2, 3],
    [0.5, 1, -0],
    ['a', 'bc', ''],
    ['é', 'ü\0', '\u{1f600}'],
    [Buffer.from('a'), Buffer.alloc(0)],
    [null, null]
  ]) {
    const { ways } = await read(t, 'number', values)
    for (const [way, seen] of Object.entries(ways)) t.deepEqual(seen, values as SqlValue[], way)
  }
})

test('several texts and blobs in a row, however wide and long it is, come apart where they were put together', async t => {
  const row = [
    'a',
    Buffer.from('b'),
    'é\u{1f600}',
    null,
    Buffer.alloc(0),
    '',
    7,
    'ü',
    Buffer.from('c'),
    'end'
  ]
  const wide = Array.from({ length: 30 }, () => row).flat()
  const long = [...row, 'x'.repeat(2 ** 17), 'é', Buffer.from('d')]
  const db = openDb(t, tmpDir(t))
  for (const values of [row, wide, long] as SqlValue[][]) {
    const statement = db.prepare(`SELECT ${values.map(() => '?')}`).raw()
    t.deepEqual(statement.get(...values), values)
    t.deepEqual(statement.all(...values), [values])
    t.deepEqual(await statement.getAsync(...values), values)
  }
})

test('long texts of one column', async t => {
  const values = Array.from({ length: 100 }, (_, n) => String(n).repeat(1000))
  const { ways } = await read(t, 'number', values)
  for (const [way, seen] of Object.entries(ways)) t.deepEqual(seen, values, way)
})

test('INTEGERs by mode: number refuses what it cannot hold and names the column, the others hold all', async t => {
  const large = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n]
  const { ways } = await read(t, 'bigint', [...large, 1, 1.0, 0.5])
  for (const [way, seen] of Object.entries(ways)) t.deepEqual(seen, [...large, 1n, 1n, 0.5], way)
  const auto = await read(t, 'auto', [...large, 1])
  for (const [way, seen] of Object.entries(auto.ways)) t.deepEqual(seen, [...large, 1], way)
  const db = auto.db
  for (const sql of ['SELECT v AS large FROM t', 'SELECT v AS large FROM t WHERE n < 3']) {
    const statement = db.prepare(sql).integers('number')
    const refused = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message: /large/ }
    t.throws(() => statement.get(), refused)
    t.throws(() => statement.all(), refused)
    t.throws(() => [...statement.iterate()], refused)
    t.is((await rejection(statement.allAsync())).code, 'ERR_OUT_OF_RANGE')
    t.is(statement.integers('auto').all().length > 1, true)
  }
  t.throws(() => db.prepare('SELECT 1').integers('float' as any), { instanceOf: TypeError })
})

/** With pluck(), an INTEGER in a column that nobody asked for used to be refused. */
test('only what is given back has to be a number', async t => {
  const db = openDb(t)
  const sql = 'SELECT 1 AS small, 9007199254740993 AS large'
  const small = db.prepare(sql).pluck()
  t.is(small.get(), 1)
  t.deepEqual(small.all(), [1])
  t.deepEqual([...small.iterate()], [1])
  t.deepEqual(await small.allAsync(), [1])
  t.throws(() => db.prepare(sql).raw().get(), { code: 'ERR_OUT_OF_RANGE' })
  t.throws(() => db.prepare(sql).raw().all(), { code: 'ERR_OUT_OF_RANGE' })
})

test('a REAL that is whole stays a number when bigints are asked for', async t => {
  const db = openDb(t, tmpDir(t), { integers: 'bigint' })
  t.deepEqual(db.get('SELECT 1 AS i, 1.0 AS r'), { i: 1n, r: 1 })
  t.deepEqual(db.all('SELECT 1 AS i, 1.0 AS r'), [{ i: 1n, r: 1 }])
  t.deepEqual(await db.getAsync('SELECT 1 AS i, 1.0 AS r'), { i: 1n, r: 1 })
})

test('a TEXT that is no UTF-8 comes with U+FFFD', async t => {
  const db = openDb(t)
  const sql = "SELECT CAST(x'61ff62' AS TEXT) AS v UNION ALL SELECT CAST(x'c3' AS TEXT)"
  const expected = [{ v: 'a\ufffdb' }, { v: '\ufffd' }]
  t.deepEqual(db.all(sql), expected)
  t.deepEqual(await db.allAsync(sql), expected)
  t.deepEqual(db.get(sql), expected[0])
})

test('random values of random columns come back as they were', async t => {
  const db = openDb(t)
  const value = fc.oneof(
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).filter(n => !Number.isInteger(n) || Number.isSafeInteger(n)),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 20 }).map(bytes => Buffer.from(bytes))
  )
  const kinds = [fc.maxSafeInteger(), fc.double({ noNaN: true, noInteger: true }), fc.string(), value]
  const table = fc
    .array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 4 })
    .chain(columns => fc.array(fc.tuple(...columns), { minLength: 1, maxLength: 20 }))
  await fc.assert(
    fc.asyncProperty(table, async rows => {
      const names = rows[0]!.map((_, n) => `c${n}`)
      await db.exec(`DROP TABLE IF EXISTS r; CREATE TABLE r (${names.join()})`)
      const sql = `INSERT INTO r VALUES (${names.map(() => '?').join()})`
      await db.batch(rows.map(params => ({ sql, params: params as any[] })))
      const select = db.prepare('SELECT * FROM r ORDER BY rowid').raw()
      const seen = [select.all(), [...select.iterate()], await select.allAsync()]
      for (const way of seen) if (!same(way, rows)) throw new Error(JSON.stringify([way, rows]))
    }),
    { seed: seedOf(t), numRuns: 150 }
  )
  t.pass()
})

/** Views of all kinds; some begin in the middle of their memory. */
const bytes: fc.Arbitrary<ArrayBufferView | ArrayBuffer> = fc.oneof(
  fc.uint8Array(),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.uint16Array(),
  fc.int16Array(),
  fc.uint32Array(),
  fc.int32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
  fc.uint8Array().map(array => array.buffer as ArrayBuffer),
  fc.uint8Array({ minLength: 2 }).map(array => array.subarray(1)),
  fc.uint8Array({ minLength: 2 }).map(({ buffer, length }) => new DataView(buffer, 1, length - 2))
)
const bindable = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(-0, Infinity, -Infinity, 2 ** 64, 5e-324),
  fc.double({ noNaN: true, noInteger: true }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\0', 'a\0b', '\u{1f600}', '\ufeff', '\uffff', '\u{10ffff}'),
  bytes
)

/** What a value is when it comes back. */
function returned(value: unknown, mode: IntegerMode): unknown {
  if (typeof value === 'boolean') return returned(Number(value), mode)
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const isInteger = typeof value === 'bigint' || (Number.isSafeInteger(value) && !Object.is(value, -0))
  if (!isInteger) return value
  return mode === 'bigint' || !Number.isSafeInteger(Number(value)) ? BigInt(value as bigint) : Number(value)
}

async function everyWay(statement: Statement<any, any, any>, params: unknown[]) {
  const streamed = []
  for await (const row of statement.iterateAsync(...params)) streamed.push(row)
  return {
    get: [statement.get(...params)],
    all: statement.all(...params),
    iterate: [...statement.iterate(...params)],
    getAsync: [await statement.getAsync(...params)],
    allAsync: await statement.allAsync(...params),
    iterateAsync: streamed
  }
}

test('random values of every kind come back by every way, in every form and mode, stored or not', async t => {
  const db = openDb(t)
  await db.exec('CREATE TABLE stored (a, b)')
  const SELECT = ['SELECT ? AS a, ? AS b', 'SELECT a, b FROM stored']
  const property = fc.asyncProperty(
    fc.tuple(bindable, bindable),
    fc.constantFrom<IntegerMode>('number', 'bigint', 'auto'),
    fc.nat(SELECT.length - 1),
    async (values, mode, n) => {
      await db.batch([
        'DELETE FROM stored',
        { sql: 'INSERT INTO stored VALUES (?, ?)', params: values as any[] }
      ])
      const [a, b] = values.map(value => returned(value, mode))
      const prepare = () => db.prepare<any, any>(SELECT[n]!).integers(mode)
      const forms = [
        { statement: prepare(), expected: { a, b } },
        { statement: prepare().raw(), expected: [a, b] },
        { statement: prepare().pluck(), expected: a }
      ]
      for (const { statement, expected } of forms) {
        const read = everyWay(statement, n === 0 ? values : [])
        // A column that pluck() leaves out is not looked at.
        const shown = statement === forms[2]!.statement ? [a] : [a, b]
        const isRefused = mode === 'number' && shown.some(value => typeof value === 'bigint')
        if (isRefused) deepStrictEqual((await rejection(read)).code, 'ERR_OUT_OF_RANGE')
        else for (const rows of Object.values(await read)) deepStrictEqual(rows, [expected])
      }
    }
  )
  await fc.assert(property, { seed: seedOf(t), numRuns: 300 })
  t.pass()
})

function same(a: any, b: any): boolean {
  if (Array.isArray(a)) return a.length === b.length && a.every((value, n) => same(value, b[n]))
  return Buffer.isBuffer(a) ? a.equals(b) : Object.is(a, b)
}
