/** Recursion of SQLite on every thread that it runs on: an error where it does not fit into the stack, and never a crash. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { prelude, run } from './helpers/child.ts'
import { tmpDir } from './helpers/tmp.ts'

/** `like` and `glob` are patterns of 49,800 bytes that recurse with each second byte. SQLite allows 50,000. */
const PATTERNS = `
  const fs = require('fs');
  const text = 'a'.repeat(24900), like = '%a'.repeat(24900), glob = '*a'.repeat(24900);
  const MATCHES = 'SELECT ?1 LIKE ?2 AND ?1 GLOB ?3 AS m', values = [text, like, glob];
  const WRITE = 'INSERT INTO t SELECT ?1 LIKE ?2 AND ?1 GLOB ?3';
  const db = new DB(dir + '/app.db', { timeout: 60000 });
  const done = () => db.all('SELECT a FROM t').map(row => row.a).join();`

const ENTRIES: [string, string][] = [
  ['get()', `db.get(MATCHES, ...values).m`],
  ['all()', `db.all(MATCHES, ...values)[0].m`],
  ['iterate()', `[...db.iterate(MATCHES, ...values)][0].m`],
  ['getAsync()', `(await db.getAsync(MATCHES, ...values)).m`],
  ['iterateAsync()', `(await db.iterateAsync(MATCHES, ...values).next()).value.m`],
  ['run()', `(await db.run(WRITE, ...values), done())`],
  ['a transaction', `(await db.transaction(tx => tx.run(WRITE, ...values)), done())`],
  ['a read in a transaction', `await db.transaction(tx => tx.get(MATCHES, ...values).m)`],
  [
    'a write that has waited for the lock',
    `await (async () => {
      const guard = await new WriteLocker(dir).acquire();
      const write = db.run(WRITE, ...values);
      while (db.stats().queue === 0) await new Promise(setImmediate);
      await guard.release();
      await write;
      return done();
    })()`
  ],
  [
    'a write under a hold while the pool is full',
    `await (async () => {
      const fifo = dir + '/fifo';
      require('child_process').execFileSync('mkfifo', [fifo]);
      const opened = await db.withWriteLock(async () => {
        const opened = Array.from({ length: 4 }, () => fs.promises.open(fifo, 'r'));
        await db.run(WRITE, ...values);
        return opened;
      }).then(opened => (fs.openSync(fifo, 'w'), opened));
      for (const file of await Promise.all(opened)) await file.close();
      return done();
    })()`
  ]
]

for (const [entry, call] of ENTRIES) {
  test(`a pattern of the longest kind is matched by ${entry}`, async t => {
    const script = `${PATTERNS}
      (async () => {
        await db.exec('CREATE TABLE t (a)');
        console.log(${call});
        await db.close();
      })()`
    const { code, signal, stdout, stderr } = await run(t, process.execPath, [
      '-e',
      prelude(tmpDir(t)) + script
    ])
    t.deepEqual([code, signal, stdout], [0, null, '1\n'], stderr)
  })
}

/** What a worker thread with `stackSizeMb` says to statements that recurse. */
async function inWorker(t: ExecutionContext, stackSizeMb: number | undefined, statements: string) {
  const inside = `${prelude(tmpDir(t))}${PATTERNS}
    const told = [];
    const tell = read => {
      try {
        told.push(read());
      } catch (error) {
        told.push(error.message);
      }
    };
    (async () => {
      await db.exec('CREATE TABLE t (a)');
      ${statements}
      await db.transaction(tx => tell(() => tx.get(MATCHES, ...values).m));
      await db.close();
      require('worker_threads').parentPort.postMessage(told);
    })()`
  const script = `const { Worker } = require('node:worker_threads');
    const worker = new Worker(${JSON.stringify(inside)}, { eval: true, resourceLimits: { stackSizeMb: ${stackSizeMb} } });
    worker.on('message', told => console.log(JSON.stringify(told)));`
  const { code, signal, stdout, stderr } = await run(t, process.execPath, ['-e', script])
  t.deepEqual([code, signal], [0, null], stderr)
  return JSON.parse(stdout)
}

test('a worker thread matches the longest pattern with the stack that it has unless told otherwise', async t => {
  t.deepEqual(await inWorker(t, undefined, 'tell(() => db.get(MATCHES, ...values).m);'), [1, 1])
})

for (const mb of [0.5, 1, 2]) {
  test(`a pattern that does not fit into a stack of ${mb} MB of a worker thread is an error`, async t => {
    const half = 'values.map(value => value.slice(0, value.length / 20 * ' + mb + '))'
    const told = await inWorker(
      t,
      mb,
      `tell(() => db.get(MATCHES, ...values).m);
       tell(() => db.get(MATCHES, ...${half}).m);
       tell(() => [...db.iterate(MATCHES, ...${half})][0].m);`
    )
    t.deepEqual(told, ['LIKE or GLOB pattern too complex', 1, 1, 'LIKE or GLOB pattern too complex'])
  })
}

test('other recursion of SQLite fits into a stack of 1 MB: its own limits are narrow enough', async t => {
  const statements = `
    const deep = (n, open, middle, close) => open.repeat(n) + middle + close.repeat(n);
    const many = (n, text, by) => Array(n).fill(text).join(by);
    for (let n = 0; n < 60; n++) await db.run('CREATE VIEW v' + n + ' AS SELECT a FROM ' + (n ? 'v' + (n - 1) : 't'));
    const texts = [
      deep(990, '(', '1', ')'), many(990, 'NOT', ' ') + ' 1', many(990, '1', '+'), many(990, '1', ' OR '),
      deep(480, 'CASE WHEN 1 THEN ', '1', ' END'), deep(300, '1 IN (', '1', ')')
    ].map(expression => 'SELECT ' + expression).concat([
      many(500, 'SELECT 1', ' UNION ALL '), many(500, 'SELECT 1', ' EXCEPT '), many(500, 'SELECT 1 AS a', ' UNION ') + ' ORDER BY a',
      deep(90, 'SELECT * FROM (', 'SELECT 1', ')'), 'SELECT * FROM v59',
      "SELECT json_patch('" + deep(990, '{"a":', '1', '}') + "', '{}')",
      "SELECT count(*) FROM json_tree('" + deep(990, '[', '1', ']') + "')"
    ]);
    for (const text of texts) db.all(text);
    await db.exec('CREATE TRIGGER r AFTER INSERT ON t WHEN NEW.a < 990 BEGIN INSERT INTO t VALUES (NEW.a + 1); END');
    await db.run('INSERT INTO t VALUES (1)');
    told.push(texts.length);`
  t.deepEqual(await inWorker(t, 1, statements), [13, 'LIKE or GLOB pattern too complex'])
})
