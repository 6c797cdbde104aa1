/**
 * Migrations at start-up: processes of a new version start at once on a database of the old one. Each migration is applied once
 * over all of them, in a transaction of its own, and none of them serves before the last one is applied.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DB } from 'sqlock'

const migrations = [
  {
    id: '0001_products',
    up: `CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL NOT NULL);
         INSERT INTO products (name, price) VALUES ('tea', 2.5), ('coffee', 3.2)`
  },
  { id: '0002_cents', up: 'ALTER TABLE products ADD COLUMN cents INTEGER NOT NULL DEFAULT 0' },
  {
    id: '0003_convert',
    up: async tx => {
      for (const { id, price } of tx.all('SELECT id, price FROM products'))
        await tx.run('UPDATE products SET cents = cents + ? WHERE id = ?', Math.round(price * 100), id)
    }
  }
]

if (process.argv[2]) await start(process.argv[2])
else await run(mkdtempSync(join(tmpdir(), 'sqlock-')))

/** What every process of the application does first. */
async function start(file) {
  const db = new DB(file)
  const { applied } = await db.migrate(migrations)
  await db.run('INSERT INTO products (name, price, cents) VALUES (?, 0, 1)', `sample of ${process.pid}`)
  await db.close()
  process.send(applied)
  process.disconnect()
}

async function run(dir) {
  const db = new DB(join(dir, 'shop.db'))
  await db.migrate(migrations.slice(0, 1)) // the version before
  const processes = Array.from({ length: 6 }, () => fork(import.meta.filename, [db.dbPath]))
  const applied = await Promise.all(processes.map(async child => (await once(child, 'message'))[0]))
  await Promise.all(processes.map(child => child.exitCode ?? once(child, 'exit')))

  assert.deepEqual(applied.flat(), ['0002_cents', '0003_convert'])
  const cents = db.prepare('SELECT cents FROM products ORDER BY id').pluck().all()
  assert.deepEqual(cents, [250, 320, 1, 1, 1, 1, 1, 1])
  console.log(`${processes.length} processes have applied ${applied.flat().join(' and ')}, each once`)
  await db.close()
  rmSync(dir, { recursive: true })
}
