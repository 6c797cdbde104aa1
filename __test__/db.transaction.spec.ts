/** transaction(): what its function does is done as a whole or not at all. */
import { renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { LockTimeout } from '../index.js'
import type { Transaction } from '../index.js'
import { Gate, mustBlock, rejection, timed } from './helpers/block.ts'
import { runScript, spawnHolder } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { ENDLESS_INSERT, INSERT, values, withTable } from './helpers/table.ts'
import { lockSize, lockText, openDb, tmpDir } from './helpers/tmp.ts'

test('what a transaction wrote is there when it resolves, and its function gives the value', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const value = await db.transaction(async tx => {
    t.true(tx.active)
    t.true(lockText(dir).startsWith(`pid:${process.pid}`))
    t.deepEqual(await tx.run(INSERT, 1), { changes: 1, lastInsertRowid: 1 })
    t.deepEqual(openDb(t, dir).all('SELECT a FROM t'), [], 'nobody else sees it yet')
    return 'value'
  })
  t.is(value, 'value')
  t.deepEqual(values(db), [1])
  t.is(lockSize(dir), 0)
})

test('an error of the function undoes everything, and is what the transaction rejects with', async t => {
  const db = await withTable(t)
  const reason = { not: 'an Error' }
  const failing = db.transaction(async tx => {
    await tx.batch([{ sql: INSERT, params: [1] }, 'INSERT INTO t VALUES (2)'])
    await tx.exec('CREATE TABLE u (b); INSERT INTO u VALUES (3)')
    await db.createRecord('a', 1)
    throw reason
  })
  t.is(await rejection(failing), reason)
  t.deepEqual(values(db), [])
  t.deepEqual(db.all("SELECT name FROM sqlite_schema WHERE name IN ('u', 'records')"), [])
  t.false((await db.lockStatus()).locked)
})

test('reads of the handle and of the DB see what the transaction wrote', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    await tx.run(INSERT, 1)
    const id = await db.createRecord('a', 5)
    for (const queryable of [db, tx]) {
      t.deepEqual(queryable.get('SELECT a FROM t WHERE a = ?', 1), { a: 1 })
      t.is(queryable.get('SELECT a FROM t WHERE a = 9'), undefined)
      t.deepEqual(queryable.all('SELECT a FROM t'), [{ a: 1 }])
      t.deepEqual([...queryable.iterate('SELECT :x AS x', { x: 'y' })], [{ x: 'y' }])
    }
    t.is(db.getRecord(id)?.value, 5)
    t.is(db.getAllRecords().length, 1)
  })
})

test('a plain read while a write of the transaction is unfinished is refused', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    const writing = tx.run(INSERT, 1)
    t.throws(() => tx.get('SELECT 1'), { code: 'ERR_SQLOCK_BUSY' })
    t.throws(() => db.getAllRecords(), { code: 'ERR_SQLOCK_BUSY' })
    await writing
    t.is(tx.all('SELECT a FROM t').length, 1)
  })
})

test('calls that were not awaited belong to the transaction', async t => {
  const db = await withTable(t)
  await db.transaction(tx => {
    for (let n = 0; n < 100; n++) void tx.run(INSERT, n)
    void db.run(INSERT, 'of the DB')
    void tx.savepoint(inner => inner.run(INSERT, 'of a savepoint'))
  })
  t.is(values(db).length, 102)
})

test('a failure that nobody asked for undoes the transaction, and is what it rejects with', async t => {
  const db = await withTable(t)
  for (const issue of [
    (tx: Transaction) => tx.run(INSERT, 1),
    () => db.run(INSERT, 1),
    (tx: Transaction) => tx.savepoint(inner => inner.run(INSERT, 1)),
    (tx: Transaction) => tx.exec('INSERT INTO t VALUES (1)')
  ]) {
    const failing = db.transaction(async tx => {
      await tx.run(INSERT, 1)
      void issue(tx)
    })
    t.is((await rejection(failing)).code, 'SQLITE_CONSTRAINT_UNIQUE')
    t.deepEqual(values(db), [])
  }
})

test('a call that fails at once and that nobody awaits undoes the transaction', async t => {
  const db = await withTable(t)
  const any = db as any
  for (const call of [
    (tx: any) => tx.run(INSERT, undefined),
    (tx: any) => tx.batch([5]),
    () => any.run(5),
    () => any.createRecord('a', 1.5),
    () => db.run({ sql: INSERT, params: [2], signal: AbortSignal.abort(new TypeError('before')) })
  ]) {
    const failing = db.transaction(async tx => {
      await tx.run(INSERT, 1)
      void call(tx)
    })
    t.regex((await rejection(failing)).name, /TypeError|RangeError/)
    t.deepEqual(values(db), [])
  }
})

test('a failure that was asked for is the business of the function, and its statement alone is undone', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    await tx.run(INSERT, 1)
    const error = await rejection(tx.run('INSERT OR FAIL INTO t VALUES (2), (1), (3)'))
    t.is(error.code, 'SQLITE_CONSTRAINT_UNIQUE')
    t.true(error.stack.includes('db.transaction.spec.ts'), error.stack)
    t.is(
      (await rejection(tx.batch(['INSERT INTO t VALUES (4)', 'INSERT INTO t VALUES (1)']))).statementIndex,
      1
    )
    await t.throwsAsync(tx.exec('INSERT INTO t VALUES (5); INSERT INTO t VALUES (1)'))
    const [settled] = await Promise.allSettled([tx.run(INSERT, 1)])
    t.is(settled?.status, 'rejected')
    await tx.run(INSERT, 6)
  })
  t.deepEqual(values(db), [1, 6])
})

test('a transaction that SQLite has rolled back refuses what follows, and rejects with what ended it', async t => {
  const db = await withTable(t)
  let later: any
  const failing = db.transaction(async tx => {
    await tx.run(INSERT, 1)
    await rejection(tx.run('INSERT OR ROLLBACK INTO t VALUES (1)'))
    later = await rejection(tx.run(INSERT, 2))
    t.throws(() => tx.get('SELECT 1'), { code: 'ERR_SQLOCK_NOT_HELD' })
  })
  t.is((await rejection(failing)).code, 'SQLITE_CONSTRAINT_UNIQUE')
  t.is(later.code, 'ERR_SQLOCK_NOT_HELD')
  t.is(later.cause.code, 'SQLITE_CONSTRAINT_UNIQUE')
  t.deepEqual(values(db), [])
  await db.run(INSERT, 3)
})

const ROLLS_BACK: [string, (tx: Transaction) => Promise<unknown>][] = [
  ['OR ROLLBACK', tx => tx.run('INSERT OR ROLLBACK INTO t VALUES (1)')],
  ['OR ROLLBACK in a batch', tx => tx.batch([{ sql: 'INSERT OR ROLLBACK INTO t VALUES (1)' }])],
  ['OR ROLLBACK in a script', tx => tx.exec('INSERT OR ROLLBACK INTO t VALUES (1)')],
  ['OR ROLLBACK with RETURNING', tx => tx.getAsync('INSERT OR ROLLBACK INTO t VALUES (1) RETURNING a')],
  ['RAISE(ROLLBACK)', tx => tx.run('DELETE FROM t')],
  [
    'an interrupted write',
    async tx => {
      // An abort that comes before the statement has begun undoes nothing, so the next one comes later.
      for (let ms = 1; ; ms *= 2) {
        const controller = new AbortController()
        const endless = tx.run({ sql: ENDLESS_INSERT, signal: controller.signal })
        setTimeout(() => controller.abort(), ms)
        const error = await rejection(endless)
        if (!tx.active) throw error
      }
    }
  ],
  [
    'a file that was replaced',
    async tx => {
      const { file } = tx.get('PRAGMA database_list') as { file: string }
      renameSync(file, `${file}.old`)
      return tx.run(INSERT, 2)
    }
  ]
]
for (const [how, rollBack] of ROLLS_BACK) {
  posix('open')(`a transaction that SQLite has rolled back is not active: ${how}`, async t => {
    const db = await withTable(t)
    await db.exec("CREATE TRIGGER r BEFORE DELETE ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END")
    const look = async (tx: Transaction, around: Transaction[]) => {
      await tx.run(INSERT, 1)
      const failed = rollBack(tx)
      t.true(tx.active)
      await rejection(failed)
      for (const one of [tx, ...around]) t.false(one.active)
    }
    if (how !== 'a file that was replaced') {
      await rejection(db.transaction(tx => look(tx, [])))
      await rejection(db.transaction(tx => tx.savepoint(inner => look(inner, [tx]))))
    }
    const tx = await db.begin()
    await look(tx, [])
    await rejection(tx.commit())
    t.false(tx.active)
  })
}

test('a COMMIT that fails undoes everything, and the next transaction works', async t => {
  const db = await withTable(t)
  await db.exec(
    'CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id REFERENCES p DEFERRABLE INITIALLY DEFERRED)'
  )
  const failing = db.transaction(async tx => {
    await tx.run(INSERT, 1)
    await tx.run('INSERT INTO c VALUES (7)')
  })
  t.is((await rejection(failing)).code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
  const tx = await db.begin()
  await tx.run('INSERT INTO c VALUES (7)')
  t.is((await rejection(tx.commit())).code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
  t.false(tx.active)
  await tx.rollback()
  await db.transaction(inner => inner.run(INSERT, 2))
  t.deepEqual(values(db), [2])
})

test('transaction control is refused in a transaction, and does not end it', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    await tx.run(INSERT, 1)
    for (const sql of [
      'COMMIT',
      'END',
      'ROLLBACK',
      'BEGIN IMMEDIATE',
      'SAVEPOINT sqlock',
      'RELEASE sqlock',
      '-- x\nROLLBACK TO sqlock'
    ]) {
      t.is((await rejection(tx.run(sql))).code, 'ERR_SQLOCK_TRANSACTION', sql)
      t.is((await rejection(tx.exec(`INSERT INTO t VALUES (5); ${sql}`))).code, 'ERR_SQLOCK_TRANSACTION', sql)
      t.is((await rejection(tx.batch([sql]))).code, 'ERR_SQLOCK_TRANSACTION', sql)
    }
  })
  t.deepEqual(values(db), [1])
})

test('writes of the same DB outside the transaction wait for it', async t => {
  const db = await withTable(t)
  const gate = new Gate()
  const transaction = db.transaction(async tx => {
    await tx.run(INSERT, 'inside')
    await gate.opened
    await tx.run(INSERT, 'still inside')
  })
  const outside = await mustBlock(t, db.run(INSERT, 'outside'))
  gate.open()
  await Promise.all([transaction, outside()])
  t.deepEqual(values(db), ['inside', 'still inside', 'outside'])
})

test('work that outlives the function does not write in the transaction', async t => {
  const db = await withTable(t)
  const gate = new Gate()
  let [late, lateHandle]: Promise<unknown>[] = []
  await db.transaction(async tx => {
    await tx.run(INSERT, 1)
    late = gate.opened.then(() => db.run(INSERT, 2))
    lateHandle = gate.opened.then(() => tx.run(INSERT, 3))
  })
  gate.open()
  await late
  t.is((await rejection(lateHandle as Promise<unknown>)).code, 'ERR_SQLOCK_NOT_HELD')
  t.deepEqual(values(db), [1, 2])
})

test('a function may end its transaction itself', async t => {
  const db = await withTable(t)
  t.is(
    await db.transaction(async tx => {
      await tx.run(INSERT, 1)
      await tx.rollback()
      t.is((await rejection(db.run(INSERT, 2))).code, 'ERR_SQLOCK_NOT_HELD')
      return 'given up'
    }),
    'given up'
  )
  await db.transaction(async tx => {
    await tx.run(INSERT, 3)
    await tx.commit()
  })
  t.deepEqual(values(db), [3])
})

test('a lock that others hold is a LockTimeout, and the function does not run', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const holder = await spawnHolder(t, dir, { label: 'import' })
  const failing = db.transaction(() => t.fail(), { timeout: 20 })
  const error = await rejection(failing)
  t.true(error instanceof LockTimeout)
  t.is(error.holderInfo.label, 'import')
  t.true((await rejection(db.begin({ timeout: 0 }))) instanceof LockTimeout)
  await holder.kill()
})

for (const first of [
  "await tx.run('INSERT INTO t VALUES (1)'); void tx.run('INSERT INTO t VALUES (2)')",
  "tx.get('SELECT 1')"
])
  test(`a worker thread that is terminated in a transaction frees the lock, and nothing of it stays: ${first}`, async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir)
    const script = `
    const { Worker } = require('node:worker_threads')
    const { once } = require('node:events')
    const inside = async () => {
      const { parentPort, workerData } = require('node:worker_threads')
      const { DB } = require(workerData.index)
      const db = new DB(workerData.path)
      await db.run('DELETE FROM t')
      db.transaction(async tx => {
        ${first}
        parentPort.postMessage('in it')
        await new Promise(() => setInterval(() => {}, 1000))
      })
    }
    const path = dir + '/app.db'
    const workerData = { path, index: ${JSON.stringify(fileURLToPath(new URL('../index.js', import.meta.url)))} }
    async function main() {
      const worker = new Worker('(' + inside + ')()', { eval: true, workerData })
      await once(worker, 'message')
      await worker.terminate()
      const db = new DB(path, { timeout: 0 })
      await db.run("INSERT INTO t VALUES ('after')")
      await db.close()
    }
    main()`
    const { stderr, code } = await runScript(t, dir, script)
    t.is(code, 0, stderr)
    t.deepEqual(values(db), ['after'])
  })

test('bad arguments are refused before the lock is asked for', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const any = db as any
  t.is((await rejection(any.transaction())).code, 'ERR_INVALID_ARG_TYPE')
  t.is((await rejection(any.transaction(() => {}, { retries: 3 }))).name, 'TypeError')
  t.is((await rejection(any.begin({ timeout: -1 }))).name, 'RangeError')
  t.is((await rejection(any.exec(5))).name, 'TypeError')
  t.is((await rejection(any.exec({ sql: 'SELECT 1', params: [] }))).name, 'TypeError')
  t.is((await rejection(any.exec('SELECT 1\0; SELECT 2'))).code, 'ERR_INVALID_ARG_VALUE')
  await db.transaction(async tx =>
    t.is((await rejection((tx as any).savepoint())).code, 'ERR_INVALID_ARG_TYPE')
  )
})

test('a hundred transactions at once of one DB run one after another', async t => {
  const db = await withTable(t)
  await db.exec('CREATE TABLE n (v); INSERT INTO n VALUES (0)')
  const ms = await timed(() =>
    Promise.all(
      Array.from({ length: 100 }, () =>
        db.transaction(
          async tx => {
            const { v } = tx.get('SELECT v FROM n') as { v: number }
            await tx.run('UPDATE n SET v = ?', v + 1)
          },
          { timeout: Infinity }
        )
      )
    )
  )
  t.log(`${(ms * 10).toFixed(0)} us each`)
  t.deepEqual(db.get('SELECT v FROM n'), { v: 100 })
})
