/** I5: a full libuv pool and a blocked event loop, ours and those of others. */
import test from 'ava'
import { runScript } from './helpers/child.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

/** Keeps the four threads of the pool at work for several seconds; the script ends by `die`. */
const FULL_POOL = `
  const { pbkdf2, pbkdf2Sync } = require('node:crypto');
  const start = performance.now();
  pbkdf2Sync('x', 'y', 20000, 64, 'sha512');
  const perMs = 20000 / (performance.now() - start);
  let busy = 4;
  for (let n = 0; n < 4; n++) pbkdf2('x', 'y', Math.ceil(perMs * 5000), 64, 'sha512', () => busy--);
  // An exit would wait for the pool.
  const die = () => process.kill(process.pid, 'SIGKILL');`

test.serial('a write, a hold and a timeout do not wait for a full pool', async t => {
  const dir = tmpDir(t)
  const { stdout, stderr } = await runScript(
    t,
    dir,
    `${FULL_POOL}
     const db = new DB(dir + '/app.db'), locker = new WriteLocker(dir), other = new WriteLocker(dir);
     (async () => {
       const id = await db.createRecord('a', 1);
       await (await locker.acquire()).release();
       await locker.acquire();
       const error = await other.acquire(20).catch(error => error);
       const write = await new DB(dir + '/app.db', { timeout: 20 }).createRecord('b', 1).catch(error => error);
       console.log(JSON.stringify({ id, busy, codes: [error.code, write.code] }));
       die()
     })()`
  )
  t.deepEqual(JSON.parse(stdout || stderr), {
    id: 1,
    busy: 4,
    codes: ['ERR_SQLOCK_TIMEOUT', 'ERR_SQLOCK_TIMEOUT']
  })
})

test.serial(
  'with a full pool and a blocked event loop, the lock is not held while nothing runs under it',
  async t => {
    const dir = tmpDir(t)
    const { stdout, stderr } = await runScript(
      t,
      dir,
      `const fs = require('fs');
     ${FULL_POOL}
     const db = new DB(dir + '/app.db', { timeout: 10000 });
     const writes = Array.from({ length: 5 }, (_, n) => db.createRecord('a', n));
     // Nobody else is about: whatever stands in the lock file is a hold of ours.
     let held = 0, looks = 0;
     const until = performance.now() + 500;
     while (looks < 100 || performance.now() < until) {
       looks++;
       let text = '';
       try { text = fs.readFileSync(dir + '/db.lock', 'utf8') } catch {}
       if (text) held++;
     }
     Promise.all(writes)
       .then(ids => console.log(JSON.stringify({ ids, busy, share: held / looks }))).then(die)`
    )
    const { ids, busy, share } = JSON.parse(stdout || stderr)
    t.deepEqual(ids, [1, 2, 3, 4, 5])
    t.is(busy, 4)
    t.log(`the lock was held in ${(share * 100).toFixed(2)} % of the looks`)
    t.true(share < 0.5)
  }
)

test.serial(
  'a contended write is run by the thread that gets the grant, whatever the event loop does',
  async t => {
    const dir = tmpDir(t)
    const { stdout, stderr } = await runScript(
      t,
      dir,
      `${FULL_POOL}
     const fs = require('fs'), db = new DB(dir + '/app.db', { timeout: 10000 }), locker = new WriteLocker(dir);
     (async () => {
       await locker.acquire();
       const write = db.createRecord('a', 1);
       await new Promise(resolve => setTimeout(resolve, 50));
       locker.unlock();
       // The event loop is blocked from here on, and the pool is full: only the waiter thread can write.
       const until = performance.now() + 10000;
       while (!db.getRecord(1) && performance.now() < until);
       const seen = db.getRecord(1)?.value, left = fs.statSync(dir + '/db.lock').size;
       console.log(JSON.stringify({ seen, left, busy, id: await write }));
       die()
     })()`
    )
    const { seen, id, busy } = JSON.parse(stdout || stderr)
    t.is(seen, 1)
    t.is(id, 1)
    t.is(busy, 4)
  }
)

test.serial(
  'with a full pool, a write under a hold and one with a short deadline on a free lock are written',
  async t => {
    const dir = tmpDir(t)
    const { stdout, stderr } = await runScript(
      t,
      dir,
      `${FULL_POOL}
     const db = new DB(dir + '/app.db', { timeout: 5 });
     (async () => {
       const ids = await Promise.all([1, 2, 3].map(n => db.createRecord('a', n)));
       ids.push(await db.withWriteLock(() => db.createRecord('b', 4)));
       console.log(JSON.stringify({ ids, busy }));
       die()
     })()`
    )
    t.deepEqual(JSON.parse(stdout || stderr), { ids: [1, 2, 3, 4], busy: 4 })
  }
)

test('a burst with no time to wait succeeds on a lock that is free', async t => {
  const db = openDb(t, tmpDir(t), { timeout: 0 })
  const ids = await Promise.all(Array.from({ length: 300 }, (_, n) => db.createRecord('a', n)))
  t.is(new Set(ids).size, 300)
})

test('a burst with no time to wait succeeds, although it takes more than one hold', async t => {
  const db = openDb(t, tmpDir(t), { timeout: 0 })
  await db.exec('CREATE TABLE t (a)')
  const count =
    'WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 10000) SELECT max(n) FROM c'
  await Promise.all(Array.from({ length: 60 }, () => db.run(`INSERT INTO t ${count}`)))
  t.is(db.all('SELECT * FROM t').length, 60)
  t.true(db.stats().commits > 2)
})

test('writes with no time to wait are not refused behind writes of their own DB', async t => {
  const db = openDb(t, tmpDir(t), { timeout: 0 })
  await db.exec('CREATE TABLE t (a)')
  const slow =
    'INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 300000) SELECT n FROM c'
  const first = db.run(slow)
  await new Promise(setImmediate)
  await Promise.all([first, db.run('INSERT INTO t VALUES (1)'), db.withWriteLock(() => {})])
  t.is((db.get('SELECT count(*) AS n FROM t') as { n: number }).n, 300_001)
})

test('a write that takes longer than the timeout does not time out those behind it', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir, { timeout: 30 })
  const huge = 'x'.repeat(48 << 20)
  const ids = await Promise.all([db.createRecord(huge, 1), db.createRecord('b', 2), db.createRecord('c', 3)])
  t.deepEqual(ids, [1, 2, 3])
})
