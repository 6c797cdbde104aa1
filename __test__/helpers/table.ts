/** A table t of one column, which most tests of transactions write to. */
import type { ExecutionContext } from 'ava'
import type { DB, DBOptions } from '../../index.js'
import { openDb, tmpDir } from './tmp.ts'

export const INSERT = 'INSERT INTO t VALUES (?)'

/** A database with the empty table. On a machine that is busy a write of a test of something else must not time out. */
export async function withTable(t: ExecutionContext, dir = tmpDir(t), options?: DBOptions): Promise<DB> {
  const db = openDb(t, dir, { timeout: 20_000, ...options })
  await db.exec('CREATE TABLE IF NOT EXISTS t (a UNIQUE)')
  return db
}

/** What is in it, in the order in which it came. */
export const values = (db: Pick<DB, 'all'>) => db.all('SELECT a FROM t ORDER BY rowid').map(row => row.a)
