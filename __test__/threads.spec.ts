/** Worker threads: one queue for the process, and nothing left of a thread that ends. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { eventually, mustBlock } from './helpers/block.ts'
import { prelude, runScript } from './helpers/child.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

function thread(t: ExecutionContext, dir: string, script: string): Worker {
  const head = `const { parentPort } = require('node:worker_threads');`
  const worker = new Worker(prelude(dir) + head + script, { eval: true, execArgv: [] })
  t.teardown(() => worker.terminate())
  return worker
}

const said = async (worker: Worker) => (await once(worker, 'message'))[0]

test('rows that four threads read at the same time are those that were written', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);
    WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000)
    INSERT INTO t SELECT i, CASE i % 3 WHEN 0 THEN 'ü' || i WHEN 1 THEN i / 2.0 END, CAST(i AS BLOB) FROM c`)
  const script = `
    const db = new DB(dir + '/app.db');
    const all = () => db.all('SELECT * FROM t ORDER BY id');
    const page = n => db.all('SELECT * FROM t WHERE id > ? ORDER BY id LIMIT 20', n);
    (async () => {
      for (let n = 0; n < 20; n++) {
        const rows = [all(), await db.allAsync('SELECT * FROM t ORDER BY id'), [...db.iterate('SELECT * FROM t ORDER BY id')]];
        for (const one of rows) require('node:assert').deepStrictEqual(one, rows[0]);
        require('node:assert').deepStrictEqual(page(n * 200), rows[0].slice(n * 200, n * 200 + 20));
      }
      parentPort.postMessage(all());
      await db.close();
    })()`
  const threads = Array.from({ length: 4 }, () => thread(t, dir, script))
  const expected = Array.from({ length: 5000 }, (_, n) => {
    const id = n + 1
    const a = [`ü${id}`, id / 2, null][id % 3]
    return { id, a, b: new Uint8Array(Buffer.from(String(id))) }
  })
  for (const rows of await Promise.all(threads.map(said))) t.deepEqual(rows, expected)
  t.deepEqual(
    db.all('SELECT * FROM t ORDER BY id').map((row: any) => Object.assign(row, { b: new Uint8Array(row.b) })),
    expected
  )
})

test('a locker of a worker thread excludes one of the main thread', async t => {
  const dir = tmpDir(t)
  const worker = thread(
    t,
    dir,
    `const locker = new WriteLocker(dir);
     parentPort.on('message', () => locker.unlock());
     locker.acquire().then(() => parentPort.postMessage('held'))`
  )
  t.is(await said(worker), 'held')
  const locker = openLocker(t, dir)
  t.is(await locker.tryAcquire(), null)
  const unblocked = await mustBlock(t, locker.acquire(Infinity))
  worker.postMessage('release')
  t.true((await unblocked()).held)
})

test('writes of four threads are all there', async t => {
  const dir = tmpDir(t)
  const script = `
    const db = new DB(dir + '/app.db', { timeout: 20000 });
    Promise.all(Array.from({ length: 50 }, (_, n) => db.createRecord('a', n)))
      .then(() => db.close()).then(() => parentPort.postMessage('done'))`
  const workers = Array.from({ length: 4 }, () => thread(t, dir, script))
  t.deepEqual(await Promise.all(workers.map(said)), ['done', 'done', 'done', 'done'])
  t.is(openDb(t, dir).getAllRecords().length, 200)
})

test('a hold of a thread that is terminated is released', async t => {
  const dir = tmpDir(t)
  const worker = thread(
    t,
    dir,
    `new WriteLocker(dir).acquire().then(() => parentPort.postMessage('held')); setInterval(() => {}, 1000)`
  )
  t.is(await said(worker), 'held')
  const unblocked = await mustBlock(t, openLocker(t, dir).acquire(Infinity))
  await worker.terminate()
  t.true((await unblocked()).held)
})

test('a hold of a thread that ends by itself is released', async t => {
  const dir = tmpDir(t)
  const worker = thread(t, dir, `new WriteLocker(dir).acquire()`)
  await once(worker, 'exit')
  t.true((await openLocker(t, dir).acquire(0)).held)
})

test('a wait of a thread that is terminated is called off', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const worker = thread(
    t,
    dir,
    `new WriteLocker(dir).acquire(Infinity).then(() => parentPort.postMessage('held'));
     new DB(dir + '/app.db', { timeout: Infinity }).createRecord('never', 1);
     parentPort.postMessage('waiting')`
  )
  t.is(await said(worker), 'waiting')
  const next = openLocker(t, dir).acquire(Infinity)
  await worker.terminate()
  await guard.release()
  t.true((await next).held)
  t.deepEqual(openDb(t, dir).getAllRecords(), [])
})

test('a grant that was not yet delivered to a thread that is terminated is released', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const worker = thread(
    t,
    dir,
    `new WriteLocker(dir).acquire(Infinity); parentPort.postMessage('waiting'); for (;;);`
  )
  t.is(await said(worker), 'waiting')
  // The thread is busy for ever: the grant cannot reach its JavaScript.
  await guard.release()
  await eventually(t, async () => (await openLocker(t, dir).status()).locked)
  await worker.terminate()
  t.true((await openLocker(t, dir).acquire(5000)).held)
})

// In a process of its own, since it is the process that would crash.
test('20 workers terminated at random, 50 times over, leave no hold, no thread and no descriptor', async t => {
  const dir = tmpDir(t)
  const { code, stdout, stderr } = await runScript(
    t,
    dir,
    `const { Worker } = require('node:worker_threads'), fs = require('fs');
     const entry = ${JSON.stringify(prelude(dir))} + \`
       const db = new DB(dir + '/app.db', { timeout: Infinity });
       const loop = async () => { for (;;) {
         const guard = await new WriteLocker(dir).acquire(Infinity);
         await guard.release();
         await db.createRecord('x', 1);
         await db.withWriteLock(() => db.createRecord('y', 2));
         require('node:worker_threads').parentPort.postMessage('busy') } };
       loop(); loop()\`;
     const count = name => { try { return fs.readdirSync('/proc/self/' + name).length } catch { return 0 } };
     const round = async () => {
       const workers = Array.from({ length: 20 }, () => new Worker(entry, { eval: true }));
       const ended = workers.map(w => new Promise((resolve, reject) => { w.on('exit', resolve); w.on('error', reject) }));
       let turns = 1 + Math.random() * 60;
       await new Promise(resolve => workers.forEach(w => w.on('message', () => --turns < 0 && resolve())));
       for (const w of workers) { w.terminate(); if (Math.random() < .3) await new Promise(setImmediate) }
       await Promise.all(ended);
     };
     (async () => {
       // The threads of libuv's pool are made once and stay.
       await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => fs.promises.stat('/')));
       await round();
       const before = [count('fd'), count('task')];
       for (let n = 1; n < 50; n++) await round();
       const guard = await new WriteLocker(dir).acquire(5000);
       await guard.release();
       const db = new DB(dir + '/app.db');
       const ok = db.pragma('integrity_check', { simple: true });
       await db.close();
       const after = () => [count('fd'), count('task')];
       for (let n = 0; n < 200 && after().some((value, i) => value > before[i]); n++) await new Promise(r => setTimeout(r, 10));
       console.log(JSON.stringify({ ok, before, after: after() }))
     })()`
  )
  t.is(code, 0, stderr)
  const { ok, before, after } = JSON.parse(stdout)
  t.is(ok, 'ok')
  t.log(`descriptors and threads: ${before} before, ${after} after`)
  t.true(after[0] <= before[0] + 2)
  t.true(after[1] <= before[1] + 2)
})
