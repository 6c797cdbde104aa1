/**
 * Makes the database of a run and counts its rows afterwards. better-sqlite3 does both, as a witness that is not sqlock;
 * it is the only library that the process of the benchmark itself opens a file with, and never while contestants run.
 */
import { Database } from './better-sqlite3.mjs'

export function makeDatabase(directory) {
  const db = new Database(`${directory}/app.db`)
  db.pragma('journal_mode = WAL')
  db.exec('CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL)')
  db.close()
}

/** Throws unless each writer's rows are those that were acknowledged to it, once each. */
export function checkRows(directory, acknowledged) {
  const db = new Database(`${directory}/app.db`)
  const count = db.prepare('SELECT count(*), count(DISTINCT value) FROM records WHERE name = ?').raw()
  const total = db.prepare('SELECT count(*) FROM records').pluck().get()
  const counts = Object.entries(acknowledged).map(([name, rows]) => {
    const [counted, distinct] = count.get(name)
    return [name, rows, counted, distinct]
  })
  db.close()
  const expected = counts.reduce((sum, [, rows]) => sum + rows, 0)
  const wrong = counts.find(([, rows, counted, distinct]) => rows !== counted || rows !== distinct)
  if (wrong) throw new Error(`writer, acknowledged, counted, distinct: ${wrong.join(', ')}`)
  if (total !== expected) throw new Error(`${total} rows for ${expected} acknowledged writes`)
}
