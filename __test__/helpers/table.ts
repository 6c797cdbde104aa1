/** A table t, which most tests of transactions write to, and most tests of reads read. */
import type { ExecutionContext } from 'ava'
import type { AcquireOptions, DB, DBOptions, Transaction } from '../../index.js'
import { openDb, tmpDir } from './tmp.ts'

/** Run until they are interrupted. */
export const ENDLESS =
  'WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0'
export const ENDLESS_INSERT = `INSERT INTO t ${ENDLESS}`

export const INSERT = 'INSERT INTO t VALUES (?)'

/** A database with the empty table, of one column. On a machine that is busy a write of a test of something else must not time out. */
export async function withTable(t: ExecutionContext, dir = tmpDir(t), options?: DBOptions): Promise<DB> {
  const db = openDb(t, dir, { timeout: 20_000, ...options })
  await db.exec('CREATE TABLE IF NOT EXISTS t (a UNIQUE)')
  return db
}

/** What is in it, in the order in which it came. */
export const values = (db: Pick<DB, 'all'>) => db.all('SELECT a FROM t ORDER BY rowid').map(row => row.a)

/** Uses a transaction of begin(), and rolls it back when that fails. */
export async function inBegun<T>(
  db: DB,
  use: (tx: Transaction) => T | Promise<T>,
  options?: AcquireOptions
): Promise<T> {
  await using tx = await db.begin(options)
  const value = await use(tx)
  await tx.commit()
  return value
}

/** A database with the table, of three columns, and so many rows in it. */
export async function withRows(
  t: ExecutionContext,
  rows: number,
  dir = tmpDir(t),
  options?: DBOptions
): Promise<DB> {
  const db = openDb(t, dir, options)
  await db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value REAL)')
  const count = `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT ${rows}) SELECT n FROM c`
  if (rows > 0) await db.run(`INSERT INTO t SELECT n, 'name ' || n, n + 0.5 FROM (${count})`)
  return db
}
