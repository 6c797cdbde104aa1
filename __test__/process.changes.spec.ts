/** Commits of other processes, some of which are killed, under iterators of this one. */
import test from 'ava'
import fc from 'fast-check'
import type { DB } from '../index.js'
import { eventually } from './helpers/block.ts'
import { Actor, has } from './helpers/child.ts'
import { seedOf } from './helpers/seed.ts'
import { strace } from './helpers/strace.ts'
import { INSERT, withTable } from './helpers/table.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const SUM = 'SELECT count(*) AS n, total(a) AS sum FROM t'

/** What each loop has seen last, as long as it goes on. */
function follow(dbs: DB[]) {
  const seen: unknown[] = []
  const ended = dbs.flatMap((db, n) => [
    (async () => {
      for await (const _ of db.changes()) seen[2 * n] = db.get(SUM)
    })(),
    (async () => {
      for await (const [row] of db.watch(SUM)) seen[2 * n + 1] = row
    })()
  ])
  return { seen, ended: () => Promise.all(ended) }
}

test('after the last commit of three processes, one of which is killed, every loop has seen the file as it is', async t => {
  t.timeout(300_000)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 30 }), fc.nat(200), async (seed, killAfterMs) => {
      const dir = tmpDir(t)
      const db = await withTable(t, dir)
      await db.exec('DROP TABLE t; CREATE TABLE t (a)')
      const others = [openDb(t, dir), openDb(t, dir, { readonly: true })]
      const { seen, ended } = follow([db, ...others])
      const committers = [0, 1, 2].map(
        n => new Actor(t, 'committer.mjs', [db.dbPath, n === 2 ? '1000000' : '60', String(seed + n)])
      )
      for (const committer of committers) await committer.says()
      for (const committer of committers) committer.tell('go')
      setTimeout(() => committers[2]!.kill(), killAfterMs)
      await Promise.all([committers[0]!.says(), committers[1]!.says(), committers[2]!.ended()])
      const last = db.get(SUM)
      // If a loop has missed it, this never comes to its end.
      await eventually(
        t,
        () => seen.length === 6 && seen.every(row => JSON.stringify(row) === JSON.stringify(last))
      )
      await Promise.all([db, ...others].map(db => db.close()))
      await ended()
    }),
    { seed: seedOf(t), numRuns: 6, interruptAfterTimeLimit: 60_000 }
  )
  t.pass()
})

const withStrace = has('strace') ? test : test.skip
withStrace('the last commit is seen although the disk takes 300 ms to sync it', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const commits = db.changes()
  await commits.next()
  let rows = 0
  const seen = (async () => {
    for await (const _ of commits) if ((rows = db.all('SELECT * FROM t').length) === 3) return
  })()
  const script = `
    const db = new DB(dir + '/app.db', { synchronous: 'FULL', timeout: 60000 });
    (async () => {
      for (let n = 0; n < 3; n++) await db.run('${INSERT}', n);
      await db.close();
    })()`
  const { lines } = await strace(
    t,
    dir,
    ['-e', 'trace=fdatasync,fsync', '-e', 'inject=fdatasync,fsync:delay_enter=300000'],
    script
  )
  t.true(lines.filter(line => /sync\(\d+<[^>]*app\.db-wal>/.test(line)).length >= 3)
  await seen
  t.is(rows, 3)
})

withStrace('without inotify commits are told of all the same, and stats() say so', async t => {
  const dir = tmpDir(t)
  await withTable(t, dir)
  const script = `
    const db = new DB(dir + '/app.db', { timeout: 60000 }), other = new DB(dir + '/app.db', { timeout: 60000 });
    (async () => {
      const commits = db.changes();
      await commits.next();
      for (let n = 0; n < 3; n++) {
        await other.run('${INSERT}', n);
        while (db.all('SELECT * FROM t').length <= n) await commits.next();
        await commits.next();
      }
      console.log(db.stats().changes);
      await db.close();
      await other.close();
    })()`
  const inject = ['-e', 'trace=inotify_init1', '-e', 'inject=inotify_init1:error=EMFILE']
  const { stdout, lines } = await strace(t, dir, inject, script)
  t.is(stdout, 'poll\n')
  t.true(lines.some(line => line.includes('EMFILE')))
})
