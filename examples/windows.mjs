/**
 * An application in the shape of an Electron one: windows, which are processes, ask the main process by messages; it has the database
 * and tells them of changes. A thread for the heavy work has a database of its own on the same file, and is in nobody's way.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { DB } from 'sqlock'

const [WINDOWS, NOTES, IMPORTED] = [3, 100, 5000]
const INSERT = 'INSERT INTO notes (text) VALUES (?)'

if (!isMainThread) await importNotes(new DB(workerData))
else if (process.send) await openWindow()
else await main(mkdtempSync(join(tmpdir(), 'sqlock-')))

function tell(window, message) {
  window.send(message, () => {}) // it may be closed by now
}

async function main(dir) {
  const db = new DB(join(dir, 'app.db'))
  await db.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)')
  const windows = Array.from({ length: WINDOWS }, () => fork(import.meta.filename))
  for (const window of windows)
    window.on('message', async ({ call, text }) => {
      const { lastInsertRowid } = await db.run(INSERT, text)
      tell(window, { call, id: lastInsertRowid })
      for (const other of windows) if (other !== window) tell(other, { changed: lastInsertRowid })
    })
  const importer = new Worker(import.meta.filename, { workerData: db.dbPath })
  await Promise.all([...windows, importer].map(one => once(one, 'exit')))
  assert.ok(windows.every(({ exitCode }) => exitCode === 0))
  const { notes } = await db.getAsync('SELECT count(*) AS notes FROM notes')
  assert.equal(notes, WINDOWS * NOTES + IMPORTED)
  console.log(`${notes} notes: ${NOTES} of each of ${WINDOWS} windows, ${IMPORTED} imported beside them`)
  await db.close()
  rmSync(dir, { recursive: true })
}

async function importNotes(db) {
  const items = Array.from({ length: IMPORTED }, (_, n) => ({ sql: INSERT, params: [`imported ${n}`] }))
  // In parts, so that the windows get in between.
  for (let n = 0; n < IMPORTED; n += 500) await db.batch(items.slice(n, n + 500), { timeout: 5000 })
  await db.close()
}

async function openWindow() {
  const calls = []
  process.on('message', ({ call, id, changed }) => (changed ? (last = changed) : calls[call](id)))
  const add = text => new Promise(answer => process.send({ call: calls.push(answer) - 1, text }))
  let last = 0
  for (let n = 0; n < NOTES; n++) assert.ok((await add(`note ${n} of ${process.pid}`)) !== last)
  process.disconnect()
}
