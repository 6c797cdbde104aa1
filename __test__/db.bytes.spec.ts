/**
 * Bytes belong to the caller until they are copied. A call takes them as they are at the call; memory that the caller has taken away
 * by then is an error, and never an empty BLOB.
 */
import test from 'ava'
import type { DB, Queryable, Transaction } from '../index.js'
import { rejection } from './helpers/block.ts'
import { ENDLESS } from './helpers/table.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const transfer = (buffer: ArrayBuffer) => structuredClone(buffer, { transfer: [buffer] })
const resizable = (bytes: number): any => new (ArrayBuffer as any)(bytes, { maxByteLength: 64 })

/** What can be bound as bytes, four of them, and how to change or take away their memory. */
interface Kind {
  make: () => { value: any; buffer: any }
  /** Can it be transferred? */
  transfers?: boolean
  shrinks?: boolean
}
const filled = (buffer: ArrayBuffer | SharedArrayBuffer, value: any) => {
  new Uint8Array(buffer).fill(1)
  return { value, buffer }
}
const on = (make: (buffer: any) => any, buffer = new ArrayBuffer(4) as any) => filled(buffer, make(buffer))
const KINDS: Record<string, Kind> = {
  Buffer: { make: () => on(buffer => Buffer.from(buffer)), transfers: true },
  Uint8Array: { make: () => on(buffer => new Uint8Array(buffer)), transfers: true },
  Float32Array: { make: () => on(buffer => new Float32Array(buffer)), transfers: true },
  DataView: { make: () => on(buffer => new DataView(buffer)), transfers: true },
  ArrayBuffer: { make: () => on(buffer => buffer), transfers: true },
  'a view of a SharedArrayBuffer': { make: () => on(b => new Uint8Array(b), new SharedArrayBuffer(4)) },
  'a resizable ArrayBuffer': { make: () => on(buffer => buffer, resizable(4)), transfers: true },
  'a view of fixed length': {
    make: () => on(buffer => new Uint8Array(buffer, 4, 4), resizable(8)),
    transfers: true,
    shrinks: true
  },
  'a view that follows the length': {
    make: () => on(buffer => new Uint8Array(buffer, 4), resizable(8)),
    transfers: true,
    shrinks: true
  },
  'a DataView of a resizable ArrayBuffer': {
    make: () => on(buffer => new DataView(buffer, 4, 4), resizable(8)),
    transfers: true,
    shrinks: true
  }
}

/** What a caller does with the memory after the call. */
const AFTER: [string, (kind: Kind) => boolean | undefined, (buffer: any) => unknown][] = [
  ['overwritten', () => true, buffer => new Uint8Array(buffer).fill(9)],
  ['transferred', kind => kind.transfers, transfer],
  ['shrunk', kind => kind.shrinks, buffer => buffer.resize(2)]
]

const SELECT = 'SELECT hex(:b) AS h'
const rest = async (rows: AsyncIterable<any>) => {
  const all = []
  for await (const row of rows) all.push(row)
  return all
}
/** Reads of a value, each as a promise of the rows. */
const READS: [string, (db: Queryable, value: any) => Promise<any[]>][] = [
  ['getAsync', async (db, value) => [await db.getAsync('SELECT hex(?) AS h', value)]],
  ['getAsync of an object', async (db, b) => [await db.getAsync({ sql: SELECT, params: { b } })]],
  ['allAsync', async (db, value) => db.allAsync('SELECT hex(?) AS h', [value])],
  ['execute', async (db, b) => (await db.execute(SELECT, { b })).rows],
  ['statement.getAsync', async (db, b) => [await db.prepare(SELECT).getAsync({ b })]],
  ['statement.allAsync', async (db, b) => db.prepare(SELECT).allAsync({ b })]
]
/** The same of what reads when it is asked for rows. */
const ITERATORS: [string, (db: Queryable, value: any) => Iterable<any> | AsyncIterable<any>][] = [
  ['iterate', (db, value) => db.iterate('SELECT hex(?) AS h', value)],
  ['iterateAsync', (db, b) => db.iterateAsync(SELECT, { b })],
  ['iterateAsync of an object', (db, b) => db.iterateAsync({ sql: SELECT, params: { b } })],
  ['statement.iterate', (db, b) => db.prepare(SELECT).iterate({ b })],
  ['statement.iterateAsync', (db, value) => db.prepare('SELECT hex(?) AS h').iterateAsync(value)]
]
const WRITES: [string, (db: Queryable, value: any) => Promise<any[]>][] = [
  ['run', async (db, value) => written(db, 'run', value)],
  ['execute with RETURNING', async (db, value) => written(db, 'execute', value)],
  ['getAsync with RETURNING', async (db, value) => written(db, 'getAsync', value)],
  ['allAsync with RETURNING', async (db, value) => written(db, 'allAsync', value)]
]
async function written(db: any, method: string, value: any) {
  const returning = method === 'run' ? '' : ' RETURNING hex(a)'
  await db[method](`INSERT INTO t VALUES (?, 0)${returning}`, value)
  const [row] = db.all('SELECT hex(a) AS h FROM t ORDER BY rowid DESC LIMIT 1')
  return [row]
}

async function withTable(t: any, options = {}): Promise<DB> {
  const db = openDb(t, tmpDir(t), { timeout: 20_000, ...options })
  await db.exec('CREATE TABLE t (a, b)')
  return db
}

/** Makes a call with each kind of bytes, does the worst with them, and looks at what the call has taken. */
async function checkAll(t: any, call: (value: any) => Promise<any[]>) {
  for (const [name, kind] of Object.entries(KINDS)) {
    for (const [how, can, change] of AFTER) {
      if (!can(kind)) continue
      const { value, buffer } = kind.make()
      const rows = call(value)
      change(buffer)
      t.deepEqual(await rows, [{ h: '01010101' }], `${name}, ${how}`)
    }
  }
}

for (const [name, read] of [...READS, ...WRITES]) {
  test(`${name} takes the bytes of the call`, async t => {
    const db = await withTable(t)
    await checkAll(t, value => read(db, value))
  })

  test(`${name} in a transaction takes the bytes of the call`, async t => {
    const db = await withTable(t)
    await db.transaction(tx => checkAll(t, value => read(tx, value)))
  })
}

for (const [name, read] of READS) {
  test(`${name} behind other reads takes the bytes of the call`, async t => {
    const db = await withTable(t, { readers: 1 })
    await checkAll(t, value => {
      const controller = new AbortController()
      const endless = rejection(db.allAsync({ sql: ENDLESS, signal: controller.signal }))
      const rows = read(db, value)
      return Promise.resolve()
        .then(() => controller.abort())
        .then(() => endless)
        .then(() => rows)
    })
  })
}

for (const [name, iterate] of ITERATORS) {
  test(`${name} takes the bytes of the call, whenever it is asked for rows`, async t => {
    const db = await withTable(t)
    const check = (on: Queryable) =>
      checkAll(t, value => {
        const rows = iterate(on, value)
        return Promise.resolve().then(() => rest(rows as AsyncIterable<any>))
      })
    await check(db)
    await db.transaction(check)
  })
}

/** Memory that is gone already at the call. */
const GONE: [string, () => any][] = Object.entries(KINDS).flatMap(([name, kind]) =>
  AFTER.slice(1)
    .filter(([, can]) => can(kind))
    .map(([how, , change]): [string, () => any] => [
      `${name}, ${how}`,
      () => {
        const { value, buffer } = kind.make()
        change(buffer)
        return value
      }
    ])
)
const FORMS: [string, RegExp, (db: any, value: any) => any][] = [
  ...[...READS, ...ITERATORS, ...WRITES].map(
    ([name, call]) => [name, /^parameter (1|b) /, call] as [string, RegExp, any]
  ),
  ['get', /^parameter 1 /, (db, value) => db.get('SELECT ?', value)],
  ['all', /^parameter b /, (db, b) => db.all(SELECT, { b })],
  ['statement.get', /^parameter 1 /, (db, value) => db.prepare('SELECT ?').get(value)],
  ['statement.run', /^parameter 2 /, (db, value) => db.prepare('INSERT INTO t VALUES (?, ?)').run(1, value)],
  ['run of an object', /^parameter \$b /, (db, $b) => db.run({ sql: 'SELECT :b', params: { $b } })],
  [
    'batch',
    /^items\[1\]: parameter 1 /,
    (db, value) => db.batch(['SELECT 1', { sql: 'SELECT ?', params: [value] }])
  ]
]
for (const [form, message, call] of FORMS) {
  test(`bytes whose memory is gone are a TypeError that names the parameter: ${form}`, async t => {
    const db = await withTable(t)
    const refused = async (on: any) => {
      for (const [name, make] of GONE) {
        const work = async () => {
          const result = call(on, make())
          return typeof result.next === 'function' ? rest(result) : result
        }
        const error = await rejection(work())
        t.true(error instanceof TypeError, `${name}: ${error}`)
        t.is(error.code, 'ERR_INVALID_ARG_TYPE', name)
        t.regex(error.message, message, name)
      }
    }
    await refused(db)
    await db.transaction(refused)
    t.deepEqual(db.all('SELECT * FROM t'), [])
  })
}

test('bytes of no length are an empty BLOB', t => {
  const db = openDb(t)
  const empty = [
    new ArrayBuffer(0),
    resizable(0),
    Buffer.alloc(0),
    new Float64Array(0),
    new DataView(new ArrayBuffer(0)),
    new Uint8Array(resizable(4), 4),
    new DataView(resizable(4), 4)
  ]
  for (const value of empty) {
    t.deepEqual(db.get('SELECT typeof(?1) AS type, length(?1) AS n', value), { type: 'blob', n: 0 })
  }
})

test('bytes that SQLite cannot take are a RangeError that says so, before they are copied', async t => {
  const db = await withTable(t)
  // The memory is never touched, so that there is none.
  for (const bytes of [1e9 + 1, 2 ** 32, 2 ** 33 + 1]) {
    const buffer = new ArrayBuffer(bytes)
    const values = bytes < 2 ** 32 ? [buffer, new Uint8Array(buffer), new DataView(buffer)] : [buffer]
    for (const value of values) {
      const error = await rejection(db.run('INSERT INTO t VALUES (0, ?)', value))
      t.true(error instanceof RangeError, String(error))
      t.is(error.code, 'ERR_OUT_OF_RANGE')
      t.regex(error.message, new RegExp(`^parameter 1 has ${bytes} bytes; .* 1000000000 `))
      t.throws(() => db.get('SELECT ?', value), { instanceOf: RangeError, message: /^parameter 1 has / })
    }
  }
})

/** Calls whose bytes go while they are made: a getter of the caller takes away what was read and checked before it. */
function later(value: { value: any; buffer: any }, change: (buffer: any) => unknown, otherwise: unknown) {
  return {
    get b() {
      change(value.buffer)
      return otherwise
    }
  }
}
const INSERT = 'INSERT INTO t VALUES (?, :b)'
const ATTACKS: [
  string,
  (db: any, value: any, named: any, statements: Record<string, any>) => Promise<unknown>
][] = [
  ['run', (db, value, named) => db.run(INSERT, value, named)],
  ['execute', (db, value, named) => db.execute(`${INSERT} RETURNING a`, value, named)],
  ['getAsync', (db, value, named) => db.getAsync(`${INSERT} RETURNING a`, value, named)],
  ['allAsync', (db, value, named) => db.allAsync(`${INSERT} RETURNING a`, value, named)],
  ['statement.run', (_, value, named, { insert }) => insert.run(value, named)],
  ['statement.getAsync', (_, value, named, { returning }) => returning.getAsync(value, named)],
  [
    'batch, a later item',
    (db, value, named) =>
      db.batch([
        { sql: "INSERT INTO t VALUES ('whole', 'whole')" },
        { sql: 'INSERT INTO t VALUES (?, 0)', params: [value] },
        { sql: 'INSERT INTO t VALUES (0, :b)', params: named }
      ])
  ],
  [
    'batch, its options',
    (db, value, named) =>
      db.batch(
        [
          { sql: "INSERT INTO t VALUES ('whole', 'whole')" },
          { sql: 'INSERT INTO t VALUES (?, 0)', params: [value] }
        ],
        { get timeout() { return named.b && undefined } } // prettier-ignore
      )
  ],
  [
    'run, its signal',
    (db, value, named) => {
      let looks = 0
      const signal = { get aborted() { return looks++ > 0 && named.b && false }, addEventListener() {} } // prettier-ignore
      return db.run({ sql: 'INSERT INTO t VALUES (?, 0)', params: [value], signal })
    }
  ]
]

/**
 * A write whose values could not be put down left a half of itself in the batch that gathered: the writes of all other callers in
 * it were rejected as malformed, or the first half was run, although its call was rejected.
 */
for (const [form, attack] of ATTACKS) {
  test(`a write that cannot be encoded leaves the writes around it as they were: ${form}`, async t => {
    const db = await withTable(t)
    const scopes: [string, (work: (db: any) => Promise<void>) => Promise<unknown>][] = [
      ['db', work => work(db)],
      ['withWriteLock', work => db.withWriteLock(() => work(db))],
      ['transaction', work => db.transaction(tx => work(tx))],
      ['savepoint', work => db.transaction(tx => tx.savepoint((inner: Transaction) => work(inner)))]
    ]
    let count = 0
    for (const [scope, within] of scopes) {
      for (const [name, kind] of Object.entries(KINDS)) {
        for (const [how, can, change] of AFTER.slice(1)) {
          if (!can(kind)) continue
          await within(async on => {
            const statements = { insert: on.prepare(INSERT), returning: on.prepare(`${INSERT} RETURNING a`) }
            const innocent = [on.run(INSERT, 'innocent', { b: 1 }), on.execute(INSERT, 'innocent', { b: 2 })]
            const made = kind.make()
            const attacked = rejection(attack(on, made.value, later(made, change, 0), statements))
            innocent.push(on.run("INSERT INTO t VALUES ('innocent', ?)", 3))
            const error = await attacked
            t.true(error instanceof TypeError, `${scope}, ${name}, ${how}: ${error}`)
            t.regex(error.message, /^(items\[1\]: )?parameter 1 /)
            await Promise.all(innocent)
          })
          count += 3
        }
      }
    }
    t.deepEqual(db.all('SELECT a, count(*) AS n FROM t GROUP BY a'), [{ a: 'innocent', n: count }])
  })
}

test('each value and each option is read once', async t => {
  const db = await withTable(t)
  const reads: Record<string, number> = {}
  const counted = (object: object): any =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        Object.entries(object).map(([name, value]) => [
          name,
          {
            enumerable: true,
            get() {
              reads[name] = (reads[name] ?? 0) + 1
              return value
            }
          }
        ])
      )
    )
  const query = () =>
    counted({ sql: 'INSERT INTO t VALUES (:a, :b)', params: counted({ a: 1, b: 2 }), timeout: 9000 })
  const read = () => counted({ sql: SELECT, params: counted({ b: 2 }), raw: true, integers: 'auto' })
  const calls: (() => any)[] = [
    () => db.run(query()),
    () => db.execute(query()),
    () => db.getAsync(read()),
    () => db.allAsync(read()),
    () => rest(db.iterateAsync(read())),
    () => db.get(SELECT, counted({ b: 1 })),
    () => db.exec(counted({ sql: 'DELETE FROM t', timeout: 9000 })),
    () => db.batch([counted({ sql: SELECT, params: counted({ b: 1 }) })], counted({ timeout: 9000 })),
    () => db.transaction(tx => tx.run('DELETE FROM t'), counted({ timeout: 9000 }))
  ]
  for (const call of calls) {
    for (const name of Object.keys(reads)) delete reads[name]
    await call()
    for (const [name, count] of Object.entries(reads)) t.is(count, 1, `${call}: ${name}`)
    t.true(Object.keys(reads).length > 0)
  }
})
