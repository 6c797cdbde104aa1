/** I1, I2: several processes at once, counted. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Actor, acknowledged, runScript } from './helpers/child.ts'
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
