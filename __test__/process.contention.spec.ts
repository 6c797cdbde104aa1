/** I1, I2: several processes at once, counted. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Actor, acknowledged, runScript } from './helpers/child.ts'
import { hasSql, sql } from './helpers/sqlite.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

test('increments of a file under the lock are all there', async t => {
  const dir = tmpDir(t)
  const counter = join(dir, 'counter')
  writeFileSync(counter, '0')
  const script = `
    const fs = require('fs'), file = dir + '/counter', locker = new WriteLocker(dir);
    (async () => {
      for (let n = 0; n < 200; n++) await locker.withLock(async () => {
        const value = Number(fs.readFileSync(file, 'utf8'));
        if (n % 10 === 0) await new Promise(setImmediate);
        fs.writeFileSync(file, String(value + 1));
      }, Infinity)
    })()`
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => runScript(t, dir, script)))
  for (const { code, stderr } of outcomes) t.is(code, 0, stderr)
  t.is(readFileSync(counter, 'utf8'), '800')
})

for (const inFlight of [1, 64]) {
  test(`records of four processes with ${inFlight} writes in flight are all there, once`, async t => {
    const dir = tmpDir(t)
    const [path, notes] = [join(dir, 'app.db'), join(dir, 'acknowledged')]
    const count = 250 * Math.ceil(Math.sqrt(inFlight))
    const args = (name: string) => [path, String(count), name, String(inFlight), notes]
    const writers = ['a', 'b', 'c', 'd'].map(name => new Actor(t, 'writer.mjs', args(name)))
    for (const writer of writers) t.is(await writer.says(), 'ready')
    for (const writer of writers) writer.tell('go')
    for (const writer of writers) t.is(await writer.says(), 'done')
    const db = openDb(t, dir)
    const rows = db.getAllRecords()
    t.is(rows.length, 4 * count)
    t.deepEqual(
      rows.map(row => row.id),
      acknowledged(notes).toSorted((a, b) => a - b)
    )
    t.is(new Set(rows.map(row => row.name)).size, 4 * count)
    t.is(db.pragma('integrity_check', { simple: true }), 'ok')
  })
}

if (hasSql) {
  /** Where FAIL is in the schema, sqlock relies on nothing after an error. */
  for (const kind of ['ABORT', 'FAIL']) {
    test(`of four processes with 64 writes in flight, many failing, what resolved is there and nothing else (${kind})`, async t => {
      const dir = tmpDir(t)
      const path = join(dir, 'app.db')
      await sql(
        t,
        path,
        `CREATE TABLE owner (id INTEGER PRIMARY KEY);
         INSERT INTO owner VALUES (1);
         CREATE TABLE t (key, part CHECK (part >= 0), owner REFERENCES owner DEFERRABLE INITIALLY DEFERRED, UNIQUE (key, part));
         INSERT INTO t VALUES ('taken', 1, 1);
         CREATE TRIGGER raise AFTER INSERT ON t BEGIN
           SELECT CASE NEW.part WHEN 97 THEN RAISE(ABORT, 'a') WHEN 98 THEN RAISE(ROLLBACK, 'r') WHEN 99 THEN RAISE(${kind}, 'k') END;
         END`
      )
      const args = (name: string) => [path, '2400', name, '64']
      const mixers = ['a', 'b', 'c', 'd'].map(name => new Actor(t, 'mixer.mjs', args(name)))
      for (const mixer of mixers) t.is(await mixer.says(), 'ready')
      for (const mixer of mixers) mixer.tell('go')
      const expected = new Map([['taken', 1]])
      for (const mixer of mixers) {
        const { rows, astray } = await mixer.says<{ rows: Record<string, number>; astray: unknown[] }>()
        t.deepEqual(astray, [], 'each succeeds, or fails with the error that is its own')
        for (const [key, count] of Object.entries(rows)) expected.set(key, count)
      }
      const keys = 'SELECT key FROM t UNION ALL SELECT name FROM records'
      const counts = await sql(t, path, '', `SELECT key, count(*) FROM (${keys}) GROUP BY key`)
      t.deepEqual(new Map(counts.toSorted()), new Map([...expected].toSorted()))
      t.is(openDb(t, dir).pragma('integrity_check', { simple: true }), 'ok')
      t.log(`${expected.size} resolved`)
    })
  }
}

/**
 * The outcome of a write that meets contention is handed from the thread that wrote it to whoever waits for it. It used to
 * be lost when it arrived between two steps of the one who began to wait: the write was there and its promise never settled.
 */
test('each of thousands of contended writes settles', async t => {
  const dir = tmpDir(t)
  const script = `
    const dbs = [1, 2, 3].map(() => new DB(dir + '/app.db', { timeout: Infinity }));
    const write = async db => { for (let n = 0; n < 1000; n++) await db.createRecord('a', n) };
    Promise.all(dbs.map(write)).then(() => Promise.all(dbs.map(db => db.close()))).then(() => console.log('all'))`
  const outcomes = await Promise.all([1, 2].map(() => runScript(t, dir, script)))
  for (const { stdout, stderr } of outcomes) t.is(stdout.trim(), 'all', stderr)
  t.is(openDb(t, dir).getAllRecords().length, 6000)
})
