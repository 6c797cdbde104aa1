/**
 * G: reads. Each way is run several times in a process, and the median of all but the first run counts: code that has run before
 * is compiled. What is read is compared with what was written.
 */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { begin, together } from '../lib/spawn.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { max, median } from '../lib/stats.mjs'
import { openReader } from '../lib/readers.mjs'

const ROWS = 100_000
const RUNS = 6
const WIDE_COLUMNS = Array.from({ length: 30 }, (_, n) => `c${n}`)

const variants = [
  {
    name: 'G1 get by primary key',
    how: 'get',
    sql: 'SELECT id, name, value FROM plain WHERE id = ?',
    rows: ROWS
  },
  { name: 'G2 all, 3 columns', how: 'all', sql: 'SELECT id, name, value FROM plain', rows: ROWS },
  { name: 'G2 iterate, 3 columns', how: 'iterate', sql: 'SELECT id, name, value FROM plain', rows: ROWS },
  {
    name: 'G2 all, a range of 100 rows',
    how: 'all',
    sql: 'SELECT id, name, value FROM plain WHERE id < 101',
    rows: 100
  },
  { name: 'G2 all, 30 columns', how: 'all', sql: 'SELECT * FROM wide', rows: ROWS / 10 },
  {
    name: 'G2 all, texts of 1,000 characters',
    how: 'all',
    sql: 'SELECT id, name FROM texts',
    rows: ROWS / 10
  },
  { name: 'G2 all, blobs of 1,000 bytes', how: 'all', sql: 'SELECT id, name FROM blobs', rows: ROWS / 10 }
]
const SLOW_LOOP = { name: 'G3 longest event-loop block', how: 'allAsync', sql: variants[1].sql, rows: ROWS }

export const jobs = {
  async read({ contestant, path, how, sql, rows }, channel) {
    const reader = await openReader(contestant, path)
    const statement = reader.prepare(sql)
    await begin(channel)
    const runs = []
    for (let n = 0; n < RUNS; n++) runs.push(await ways[how](statement, rows))
    await reader.close()
    return runs
  }
}

/** Rows a second, or the longest block of the event loop, ms. */
const ways = {
  get(statement, rows) {
    const started = performance.now()
    for (let id = 1; id <= rows; id++) if (statement.get(id).id !== id) assert.fail()
    return rate(rows, started)
  },
  all(statement, rows) {
    const started = performance.now()
    // A short read is repeated until there is something to measure.
    const times = Math.max(1, 10_000 / rows)
    for (let n = 0; n < times; n++) assert(statement.all().length === rows)
    return rate(rows * times, started)
  },
  iterate(statement, rows) {
    const started = performance.now()
    let count = 0
    for (const row of statement.iterate()) if (row.id === ++count && count === rows) break
    assert(count === rows)
    return rate(rows, started)
  },
  async allAsync(statement, rows) {
    const blocks = []
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      blocks.push(now - last)
      last = now
    })
    const read = await statement.allAsync()
    blocks.push(performance.now() - last)
    clearInterval(timer)
    assert(read.length === rows)
    return max(Float64Array.from(blocks))
  }
}

const rate = (rows, started) => (rows / (performance.now() - started)) * 1000

function makeTables(path) {
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  const wide = WIDE_COLUMNS.map((_, n) => (n % 3 ? `n * ${n}.5` : `'text ' || n`))
  db.exec(`
    CREATE TABLE numbers AS WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < ${ROWS}) SELECT n FROM c;
    CREATE TABLE plain (id INTEGER PRIMARY KEY, name TEXT, value REAL);
    INSERT INTO plain SELECT n, 'name number ' || n, n * 1.5 FROM numbers;
    CREATE TABLE wide AS SELECT ${wide.map((value, n) => `${value} AS ${WIDE_COLUMNS[n]}`)} FROM numbers WHERE n <= ${ROWS / 10};
    CREATE TABLE texts (id INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO texts SELECT n, printf('%.*c', 1000, 'x') FROM numbers WHERE n <= ${ROWS / 10};
    CREATE TABLE blobs (id INTEGER PRIMARY KEY, name BLOB);
    INSERT INTO blobs SELECT n, randomblob(1000) FROM numbers WHERE n <= ${ROWS / 10}`)
  db.close()
}

async function round(contestant, { how, sql, rows }, directory) {
  const path = `${directory}/app.db`
  makeTables(path)
  const [runs] = await together(import.meta.url, 'read', [{ contestant, path, how, sql, rows }])
  return { figure: median(runs.slice(1)), first: runs[0] }
}

const sync = ['sqlock', 'better-sqlite3', 'libsql', 'node:sqlite']

const scenario = {
  letter: 'G',
  round: (contestant, variant) => inFreshDirectory(directory => round(contestant, variant, directory))
}

export default [
  { ...scenario, title: 'reads', unit: 'rows/s', better: 'higher', variants, contestants: sync },
  {
    ...scenario,
    title: 'a read of 100,000 rows that should not block',
    unit: 'ms',
    better: 'lower',
    variants: [SLOW_LOOP],
    contestants: ['sqlock', 'sqlite3']
  }
]
