/** Rows and values for which there is too little memory. They used to abort the process, or to be a RangeError of Node. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'
import { rejection } from './helpers/block.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

/** Stands for a system that does not promise more memory than it has. KiB of addresses, of which Node takes some 1,200,000. */
const ADDRESSES = 2_600_000

const SQL = ['a', 'b', 'c'].map(name => `zeroblob(300000000) AS ${name}`)
const ROW = `SELECT ${SQL.join(', ')}`
const WAYS: Record<string, string> = {
  get: `db.get('${ROW}')`,
  'a text': `db.get('${ROW.replaceAll(/zeroblob\(300000000\)/g, "printf(\\'%.*c\\', 300000000, \\'x\\')")}')`,
  all: `db.all('${ROW}')`,
  iterate: `[...db.iterate('${ROW}')]`,
  getAsync: `await db.getAsync('${ROW}')`,
  allAsync: `await db.allAsync('${ROW}')`,
  iterateAsync: `for await (const row of db.iterateAsync('${ROW}'));`,
  'get in a transaction': `await db.transaction(async tx => tx.get('${ROW}'))`,
  returning: `await db.allAsync('INSERT INTO t VALUES (1) RETURNING ${SQL.join(', ')}')`
}

/** Values of a caller: the block that they are encoded in does not fit. */
const TEXT = "'x'.repeat(500_000_000)"
const BLOB = 'Buffer.alloc(600_000_000)'
const VALUES: Record<string, string> = {
  'a text for run()': `await db.run('INSERT INTO t VALUES (?)', ${TEXT})`,
  'a blob for run()': `await db.run('INSERT INTO t VALUES (?)', ${BLOB})`,
  'values by name': `await db.run('INSERT INTO t VALUES (:a)', { a: ${TEXT} })`,
  'a text for batch()': `await db.batch([{ sql: 'INSERT INTO t VALUES (?)', params: [${TEXT}] }])`,
  'a text in a transaction': `await db.transaction(tx => tx.run('INSERT INTO t VALUES (?)', ${TEXT}))`,
  'a text for createRecord()': `await db.createRecord(${TEXT}, 1)`,
  'a blob for get()': `db.get('SELECT ?', ${BLOB})`,
  'a text for all()': `db.all('SELECT ?', ${TEXT})`,
  'a blob for iterate()': `[...db.iterate('SELECT ?', ${BLOB})]`,
  'a blob for allAsync()': `await db.allAsync('SELECT ?', ${BLOB})`,
  'a text for execute()': `await db.execute('SELECT ?', ${TEXT})`,
  'a blob for iterateAsync()': `for await (const row of db.iterateAsync('SELECT ?', ${BLOB}));`
}
const RECORDS: Record<string, string> = {
  'getRecord()': 'db.getRecord(1)',
  'getAllRecords()': 'db.getAllRecords()',
  'getRecordAsync()': 'await db.getRecordAsync(1)'
}
/** Too little for a copy of one such value. */
const ADDRESSES_OF_VALUES = 1_900_000

for (const [way, work] of Object.entries({ ...WAYS, ...VALUES, ...RECORDS }))
  test.serial(`${way}: too little memory is an error, and the DB works on`, async t => {
    const program = `
      import { DB } from '${new URL('../index.mjs', import.meta.url)}'
      const db = new DB(process.argv[1] + '/app.db')
      await db.exec(\`CREATE TABLE t (a);
        CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT AS (printf('%.*c', 500000000, 'x')), value DEFAULT 1);
        INSERT INTO records (id) VALUES (1)\`)
      const work = async () => { ${work} }
      const code = await work().then(() => 'enough memory', error => error.code)
      const { changes } = await db.run('INSERT INTO t VALUES (2)')
      console.log(JSON.stringify([code, changes, db.all('SELECT a FROM t')]))
      await db.close()`
    const node = [process.execPath, '--input-type=module', '-e', program, tmpDir(t)]
    const limited = [
      '-c',
      `ulimit -v ${way in WAYS ? ADDRESSES : ADDRESSES_OF_VALUES}; exec "$@"`,
      'sh',
      ...node
    ]
    const { stdout } = await promisify(execFile)('sh', limited)
    t.deepEqual(JSON.parse(stdout), ['SQLITE_NOMEM', 1, [{ a: 2 }]])
  })

/** What Node says when it has no room for a string outside of the heap. */
const slice = Buffer.prototype.latin1Slice
test.serial('a large text that Node has no room for is an error, and the DB works on', async t => {
  const db = openDb(t)
  const sql = "SELECT printf('%.*c', 2000000, 'x') AS a"
  const ways: Record<string, () => unknown> = {
    get: () => db.get(sql),
    all: () => db.all(sql),
    iterate: () => [...db.iterate(sql)],
    getAsync: () => db.getAsync(sql),
    'get in a transaction': () => db.transaction(async tx => tx.get(sql))
  }
  Buffer.prototype.latin1Slice = () => {
    throw new RangeError('no room')
  }
  try {
    for (const [way, read] of Object.entries(ways)) {
      const error = await rejection((async () => read())())
      t.is(error.code, 'SQLITE_NOMEM', way)
      t.deepEqual(db.get('SELECT 1 AS a'), { a: 1 }, way)
    }
  } finally {
    Buffer.prototype.latin1Slice = slice
  }
  t.is(db.get<{ a: string }>(sql)?.a.length, 2_000_000)
})
