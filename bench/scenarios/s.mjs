/**
 * S: starting a program. It loads a library with require(), opens a database that exists, and may read from it. A program that
 * loads nothing starts in turn with it, and what it takes is subtracted.
 */
import { Database } from '../lib/better-sqlite3.mjs'
import { betterSqlite3On } from '../lib/rivals.mjs'
import { fileURLToPath } from 'node:url'
import { inFreshDirectory } from '../lib/directory.mjs'
import { makeDatabase } from '../lib/database.mjs'
import { median } from '../lib/stats.mjs'
import { once } from 'node:events'
import { spawn } from 'node:child_process'

const STARTS = 15
const program = fileURLToPath(new URL('../lib/start.cjs', import.meta.url))

/** What a contestant is loaded by. */
const libraries = {
  sqlock: () => fileURLToPath(new URL('../../index.js', import.meta.url)),
  'better-sqlite3': betterSqlite3On,
  libsql: () => 'libsql',
  'node:sqlite': () => 'node:sqlite'
}

/** How long it takes until the program says that it has started, ms. */
async function start(execPath, args) {
  const from = performance.now()
  const child = spawn(execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  let started = null
  child.stdout.once('data', () => (started = performance.now()))
  const [code] = await exit
  if (code !== 0 || started === null) throw new Error(`${args} ended with ${code}`)
  return started - from
}

async function round(contestant, { read }, { node, execPath }, directory) {
  makeDatabase(directory)
  const path = `${directory}/app.db`
  const db = new Database(path)
  db.exec("INSERT INTO records VALUES (1, 'answer', 42)")
  db.close()
  const times = { empty: [], whole: [] }
  for (let n = 0; n < STARTS; n++) {
    times.empty.push(await start(execPath, ['-', path]))
    times.whole.push(await start(execPath, [libraries[contestant](node), path, ...read]))
  }
  const [empty, whole] = [median(times.empty), median(times.whole)]
  return { figure: whole - empty, 'whole process': whole, 'empty process': empty }
}

const get = "prepare('SELECT value FROM records WHERE id = ?').get(1)"

export default {
  letter: 'S',
  title: 'starting, over a process that loads nothing',
  unit: 'ms',
  better: 'lower',
  variants: [
    {
      name: 'require and open an existing database',
      calls: { sqlock: "require('sqlock'), new DB(path)", rivals: 'require(...), new Database(path)' },
      read: []
    },
    {
      name: 'require, open, and the first get',
      calls: { sqlock: `new DB(path).${get}`, rivals: `new Database(path).${get}` },
      read: ['read']
    }
  ],
  contestants: Object.keys(libraries),
  round: (contestant, variant, runtime) =>
    inFreshDirectory(directory => round(contestant, variant, runtime, directory))
}
