/**
 * The ways to read, each behind the same face: `prepare(sql)` gives `{ get, all, iterate, allAsync }`, as far as the library
 * has them, and `close()`. Libraries are imported when a contestant is opened: a process loads no more than it runs.
 */

const readers = {
  sqlock,
  'better-sqlite3': path => betterSqlite3(path, 'better-sqlite3'),
  // The face of better-sqlite3 on another engine.
  libsql: path => betterSqlite3(path, 'libsql'),
  'node:sqlite': nodeSqlite,
  sqlite3
}

export function openReader(name, path) {
  return readers[name](path)
}

async function sqlock(path) {
  const { DB } = await import('../../index.mjs')
  const db = new DB(path)
  return { prepare: sql => db.prepare(sql), close: () => db.close() }
}

async function betterSqlite3(path, library) {
  const { default: Database } = await import(library)
  const db = new Database(path)
  return { prepare: sql => db.prepare(sql), close: () => db.close() }
}

async function nodeSqlite(path) {
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(path)
  return { prepare: sql => db.prepare(sql), close: () => db.close() }
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
