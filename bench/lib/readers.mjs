/**
 * The libraries that read, each behind the same face: `prepare(sql)` gives `{ get, all, iterate, allAsync }`, as far as the
 * library has them; `records()` gives `{ get, all }`, the calls for records of sqlock and what a program prepares instead
 * elsewhere; `close()`. Libraries are imported when a contestant is opened: a process loads no more than it runs.
 */

const readers = { sqlock, 'better-sqlite3': betterSqlite3, libsql, 'node:sqlite': nodeSqlite, Turso: turso }

/** These have `allAsync` only, sqlock excepted. */
const asyncReaders = { sqlock, sqlite3, Turso: tursoAsync }

export const READERS = Object.keys(readers)
export const ASYNC_READERS = Object.keys(asyncReaders)

export function openReader(name, path) {
  return readers[name](path)
}

export function openAsyncReader(name, path) {
  return asyncReaders[name](path)
}

async function sqlock(path) {
  const { DB } = await import('../../index.mjs')
  const db = new DB(path)
  return {
    prepare: sql => db.prepare(sql),
    records: () => ({ get: id => db.getRecord(id), all: () => db.getAllRecords() }),
    close: () => db.close()
  }
}

async function betterSqlite3(path) {
  const { Database } = await import('./better-sqlite3.mjs')
  return likeBetterSqlite3(new Database(path))
}

async function libsql(path) {
  const { default: Database } = await import('libsql')
  return likeBetterSqlite3(new Database(path))
}

async function nodeSqlite(path) {
  const { DatabaseSync } = await import('node:sqlite')
  return likeBetterSqlite3(new DatabaseSync(path))
}

async function turso(path) {
  const { Database } = await import('@tursodatabase/database/compat')
  return likeBetterSqlite3(new Database(path))
}

function likeBetterSqlite3(db) {
  return {
    prepare: sql => db.prepare(sql),
    records() {
      const get = db.prepare('SELECT id, name, value FROM records WHERE id = ?')
      const all = db.prepare('SELECT id, name, value FROM records ORDER BY id')
      return { get: id => get.get(id), all: () => all.all() }
    },
    close: () => db.close()
  }
}

async function tursoAsync(path) {
  const { connect } = await import('@tursodatabase/database')
  const db = await connect(path)
  return { prepare: sql => ({ allAsync: () => db.all(sql) }), close: () => db.close() }
}

/** A callback of Node that settles a promise. */
const settle = (resolve, reject) => (err, value) => (err ? reject(err) : resolve(value))

async function sqlite3(path) {
  const { default: lib } = await import('sqlite3')
  const db = await new Promise((resolve, reject) => {
    const opened = new lib.Database(path, err => (err ? reject(err) : resolve(opened)))
  })
  const prepare = sql => ({
    allAsync: () => new Promise((resolve, reject) => db.all(sql, settle(resolve, reject)))
  })
  return { prepare, close: () => new Promise((resolve, reject) => db.close(settle(resolve, reject))) }
}
