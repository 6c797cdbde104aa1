/**
 * The libraries that write, each behind the same face, in WAL mode with synchronous NORMAL:
 * - `write(name, value)` writes a row, and resolves or returns after the COMMIT; `sync` says which;
 * - `pair(name, value)`, of some, writes the rows `value` and `value + 1` in a transaction, one after the other;
 * - `inTransaction(fn)`, of better-sqlite3, runs `fn` in one transaction;
 * - `close()`.
 *
 * Libraries are imported when a contestant is opened: a process loads no more than it runs.
 */
import { openLocker } from './lockers.mjs'

const INSERT = 'INSERT INTO records (name, value) VALUES (?, ?)'
/** How long a lock is waited for by sqlock and the patterns, ms. */
const TIMEOUT_MS = 500
/** How long SQLite's busy handler waits in the rivals that have no lock, ms: the default of better-sqlite3. */
const BUSY_MS = 5000

const writers = {
  sqlock,
  'better-sqlite3': betterSqlite3,
  libsql,
  'node:sqlite': nodeSqlite,
  sqlite3,
  Turso: turso,
  'proper-lockfile + better-sqlite3': (path, directory) =>
    underLock(path, directory, 'proper-lockfile pattern'),
  'fs-ext + better-sqlite3': (path, directory) => underLock(path, directory, 'fs-ext polling')
}

export function openWriter(name, directory) {
  return writers[name](`${directory}/app.db`, directory)
}

async function sqlock(path) {
  const { DB } = await import('../../index.mjs')
  const db = new DB(path, { timeout: TIMEOUT_MS })
  return {
    sync: false,
    write: (name, value) => db.createRecord(name, value),
    pair: (name, value) =>
      db.transaction(async tx => {
        await tx.run(INSERT, name, value)
        await tx.run(INSERT, name, value + 1)
      }),
    close: () => db.close()
  }
}

async function betterSqlite3(path) {
  const { Database } = await import('./better-sqlite3.mjs')
  return likeBetterSqlite3(Database, path)
}

/** libsql has the face of better-sqlite3 on another engine. */
async function libsql(path) {
  const { default: Database } = await import('libsql')
  return likeBetterSqlite3(Database, path)
}

function likeBetterSqlite3(Database, path) {
  const db = new Database(path, { timeout: BUSY_MS })
  db.pragma('synchronous = NORMAL')
  const insert = db.prepare(INSERT)
  const pair = db.transaction((name, value) => {
    insert.run(name, value)
    insert.run(name, value + 1)
  })
  return {
    sync: true,
    write: (name, value) => insert.run(name, value).lastInsertRowid,
    pair: (name, value) => pair.immediate(name, value),
    inTransaction: fn => db.transaction(fn)(),
    close: () => db.close()
  }
}

async function nodeSqlite(path) {
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA synchronous = NORMAL`)
  const insert = db.prepare(INSERT)
  const [begin, commit] = ['BEGIN IMMEDIATE', 'COMMIT'].map(sql => db.prepare(sql))
  return {
    sync: true,
    write: (name, value) => insert.run(name, value).lastInsertRowid,
    pair(name, value) {
      begin.run()
      insert.run(name, value)
      insert.run(name, value + 1)
      commit.run()
    },
    close: () => db.close()
  }
}

async function turso(path) {
  const { connect } = await import('@tursodatabase/database')
  const db = await connect(path)
  await db.exec('PRAGMA synchronous = NORMAL')
  // Two calls of one statement at once would both write the values of the second one.
  const idle = []
  const pair = db.transactionAsync(async (tx, name, value) => {
    await tx.run(INSERT, name, value)
    await tx.run(INSERT, name, value + 1)
  })
  return {
    sync: false,
    async write(name, value) {
      const insert = idle.pop() ?? (await db.prepare(INSERT))
      await insert.run(name, value)
      idle.push(insert)
    },
    pair: (name, value) => pair.immediate(name, value),
    close: () => db.close()
  }
}

/** sqlite3 hands the outcome of an INSERT over as `this` of its callback. */
function promised(object, method, ...args) {
  return new Promise((resolve, reject) => {
    object[method](...args, function settle(err) {
      if (err) reject(err)
      else resolve(this.lastID)
    })
  })
}

async function sqlite3(path) {
  const { default: lib } = await import('sqlite3')
  const db = await new Promise((resolve, reject) => {
    const opened = new lib.Database(path, err => (err ? reject(err) : resolve(opened)))
  })
  db.configure('busyTimeout', BUSY_MS)
  await promised(db, 'run', 'PRAGMA synchronous = NORMAL')
  const insert = db.prepare(INSERT)
  return {
    sync: false,
    write: (name, value) => promised(insert, 'run', name, value),
    async close() {
      await promised(insert, 'finalize')
      await promised(db, 'close')
    }
  }
}

async function underLock(path, directory, lock) {
  const locker = await openLocker(lock, directory)
  const db = await betterSqlite3(path)
  const write = async (name, value) => {
    await locker.lock(TIMEOUT_MS)
    try {
      return db.write(name, value)
    } finally {
      await locker.unlock()
    }
  }
  return { sync: false, write, close: db.close }
}
