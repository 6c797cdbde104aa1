/** Plain reads are never older than what was acknowledged, also those that share a snapshot. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { eventually } from './helpers/block.ts'
import { Actor } from './helpers/child.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

test.serial('no read is older than what two writing processes have acknowledged', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.exec('CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0); CREATE TABLE other (a)')
  const notes = ['a', 'b'].map(name => join(dir, name))
  const writers = notes.map(file => new Actor(t, 'counter.mjs', [db.dbPath, file]))
  await eventually(t, () => notes.every(file => existsSync(file) && readFileSync(file, 'utf8').length === 12))
  const get = db.prepare('SELECT n FROM counter').pluck()
  const all = db.prepare('SELECT n FROM counter')
  let [reads, seen, tooOld] = [0, 0, 0]
  const distinct = new Set<number>()
  for (let tick = 0; tick < 200; tick++) {
    // All within one tick, in which others commit again and again.
    for (let n = 0; n < 50; n++) {
      const acknowledged = Math.max(...notes.map(file => Number(readFileSync(file, 'utf8'))))
      const read = n % 3 ? Number(get.get()) : Number(all.all()[0]?.n)
      if (read < acknowledged || read < seen) tooOld++
      seen = read
      distinct.add(read)
      reads++
    }
    if (tick % 10 === 0) await db.run('INSERT INTO other (a) VALUES (1)')
    if (tick % 50 === 0) await db.exec(`ALTER TABLE other ADD COLUMN c${tick}`)
    if (tick % 40 === 0) await db.checkpoint('TRUNCATE')
    await setImmediate()
  }
  t.is(tooOld, 0)
  t.true(distinct.size > 50, 'others have written in the meantime')
  t.log(`${reads} reads saw ${distinct.size} states`)
  await Promise.all(writers.map(writer => writer.kill()))
})

/** What is in use, MB. */
async function memory(): Promise<number> {
  for (let n = 0; n < 4; n++) {
    globalThis.gc?.()
    await setImmediate()
  }
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

test.serial('a long loop of every way to read keeps nothing', async t => {
  const db = openDb(t)
  await db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, name, bytes);
    WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 500)
    INSERT INTO t SELECT n, 'a text of some length ' || n, randomblob(100) FROM c`)
  const select = db.prepare('SELECT * FROM t WHERE id > ?')
  const round = async () => {
    for (let n = 0; n < 20; n++) {
      select.get(1)
      select.all(1)
      for (const _ of select.iterate(1)) if (n % 2) break
      await select.getAsync(1)
      await select.allAsync(1)
      for await (const _ of select.iterateAsync(1)) if (n % 2) break
    }
  }
  await round()
  const before = await memory()
  for (let n = 0; n < 10; n++) await round()
  const after = await memory()
  t.log(`${before.toFixed(1)} MB before, ${after.toFixed(1)} after`)
  t.true(after - before < 5)
})
