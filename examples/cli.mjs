/**
 * A CLI beside a server, both with the database open and both writing:
 *
 *     node examples/cli.mjs FILE serve 3000
 *     node examples/cli.mjs FILE add 'buy milk'
 *     node examples/cli.mjs FILE list
 *
 * Without arguments it tries itself: commands and requests at once, nothing lost.
 */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { DB } from 'sqlock'

const [file, command, argument] = process.argv.slice(2)
if (file) await main()
else await tryOut(mkdtempSync(join(tmpdir(), 'sqlock-')))

async function main() {
  const db = new DB(file, { lock: { label: `notes ${command}` }, timeout: 5000 })
  await db.migrate([{ id: '0001_notes', up: 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)' }])
  const add = async note => (await db.run('INSERT INTO notes (text) VALUES (?)', note)).lastInsertRowid
  const list = () => db.prepare('SELECT text FROM notes').pluck().all().join('\n')
  if (command === 'serve') return serve({ add, list })
  console.log(command === 'add' ? await add(argument) : list())
  await db.close()
}

async function serve({ add, list }) {
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') response.end(list())
    else response.writeHead(201).end(String(await add(await text(request))))
  })
  await once(server.listen(argument), 'listening')
  console.log(`http://localhost:${server.address().port}`)
}

async function tryOut(dir) {
  const program = [import.meta.filename, join(dir, 'notes.db')]
  const server = spawn(process.execPath, [...program, 'serve', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = await once(server.stdout.setEncoding('utf8'), 'data')
  const run = (...args) => promisify(execFile)(process.execPath, [...program, ...args])
  const commands = Array.from({ length: 6 }, (_, n) => run('add', `command ${n}`))
  const requests = Array.from({ length: 300 }, (_, n) => fetch(url, { method: 'POST', body: `request ${n}` }))
  await Promise.all([...commands, ...requests])
  const notes = (await run('list')).stdout.trim().split('\n')
  assert.equal(new Set(notes).size, commands.length + requests.length)
  console.log(`${notes.length} notes, of ${commands.length} commands and ${requests.length} requests`)
  server.kill()
  await once(server, 'exit')
  rmSync(dir, { recursive: true })
}
