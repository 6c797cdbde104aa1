/** transaction(), begin(), savepoint(): DESIGN, scopes. */
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { DB, LockTimeout } from '../index.js'
import type { Transaction } from '../index.js'
import { Gate, mustBlock, rejection, timed } from './helpers/block.ts'
import { runScript, spawnHolder } from './helpers/child.ts'
import { INSERT, values, withTable } from './helpers/table.ts'
import { lockSize, lockText, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

/** Runs until it is interrupted. */
const ENDLESS =
  'INSERT INTO t WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0'

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

test('a plain read refuses a statement that writes', async t => {
  const db = await withTable(t)
  const refused = (queryable: { get: DB['get'] }) => {
    for (const sql of [
      'INSERT INTO t VALUES (1)',
      'INSERT INTO t VALUES (1) RETURNING a',
      'PRAGMA user_version = 3',
      'VACUUM'
    ]) {
      t.throws(() => queryable.get(sql), { code: 'ERR_SQLOCK_SYNC_WRITE' }, sql)
    }
    for (const sql of ['BEGIN', 'COMMIT', 'SAVEPOINT sqlock', '/**/ RELEASE sqlock', 'ROLLBACK'])
      t.throws(() => queryable.get(sql), { code: 'ERR_SQLOCK_TRANSACTION' }, sql)
    t.throws(() => queryable.get("ATTACH 'x' AS y"), { code: 'SQLITE_AUTH' })
    t.throws(() => queryable.get('SELECT ?'), { code: 'ERR_OUT_OF_RANGE' })
    t.truthy(queryable.get('EXPLAIN INSERT INTO t VALUES (1)'))
    t.deepEqual(queryable.get('PRAGMA user_version'), { user_version: 0 })
  }
  refused(db)
  await db.transaction(async tx => {
    await tx.run('INSERT INTO t VALUES (1)')
    await tx.run('PRAGMA user_version = 0')
    refused(tx)
    t.true(tx.active)
  })
  t.deepEqual(values(db), [1])
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

test('a nested transaction is a savepoint: its failure undoes only itself', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    await tx.run(INSERT, 1)
    await t.throwsAsync(
      db.transaction(async inner => {
        await inner.run(INSERT, 2)
        await db.run(INSERT, 3)
        throw new Error('undone')
      })
    )
    await db.transaction(() => db.transaction(innermost => innermost.run(INSERT, 4)))
    await tx.run(INSERT, 5)
  })
  t.deepEqual(values(db), [1, 4, 5])
})

test('savepoints that are issued together run one after another, each undone by itself', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    let running = 0
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4].map(n =>
        tx.savepoint(async inner => {
          t.is(++running, 1)
          await inner.run(INSERT, n)
          await delay(1)
          await inner.run(INSERT, n * 10)
          running--
          if (n % 2) throw new Error('undone')
        })
      )
    )
    t.deepEqual(
      outcomes.map(outcome => outcome.status),
      ['rejected', 'fulfilled', 'rejected', 'fulfilled']
    )
  })
  t.deepEqual(values(db), [2, 20, 4, 40])
})

test('the outer transaction used in its own savepoint is a deadlock, told at once', async t => {
  const db = await withTable(t)
  await db.transaction(tx =>
    tx.savepoint(async inner => {
      for (const use of [
        () => tx.run(INSERT, 1),
        () => tx.exec(''),
        () => tx.savepoint(() => {}),
        () => tx.commit(),
        () => tx.rollback()
      ])
        t.is((await rejection(use())).code, 'ERR_SQLOCK_DEADLOCK')
      t.throws(() => tx.get('SELECT 1'), { code: 'ERR_SQLOCK_DEADLOCK' })
      await inner.savepoint(async () => {
        t.is((await rejection(inner.run(INSERT, 1))).code, 'ERR_SQLOCK_DEADLOCK')
        t.is((await rejection(tx.run(INSERT, 1))).code, 'ERR_SQLOCK_DEADLOCK')
      })
    })
  )
  t.deepEqual(values(db), [])
})

test('another DB object on the same file would wait for itself; one on another file runs under the hold', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const same = openDb(t, dir)
  const other = new DB(join(dir, 'other.db'))
  t.teardown(() => other.close())
  await db.transaction(async tx => {
    for (const use of [
      () => same.run(INSERT, 1),
      () => same.transaction(() => {}),
      () => same.begin(),
      () => same.withWriteLock(() => same.run(INSERT, 1))
    ])
      t.is((await rejection(use())).code, 'ERR_SQLOCK_DEADLOCK')
    t.deepEqual(same.all('SELECT a FROM t'), [], 'a plain read waits for nobody')
    await other.createRecord('a', 1)
    await other.transaction(async () => {
      await other.createRecord('b', 2)
      await db.run(INSERT, 2)
      await tx.run(INSERT, 3)
    })
  })
  t.deepEqual(values(db), [2, 3])
  t.is(other.getAllRecords().length, 2)
})

test('withWriteLock in a transaction runs in it; a transaction in withWriteLock runs under its hold', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  await t.throwsAsync(
    db.transaction(async () => {
      await db.withWriteLock(() => db.run(INSERT, 1))
      throw new Error('undone')
    })
  )
  t.deepEqual(values(db), [])
  await db.withWriteLock(async () => {
    const text = lockText(dir)
    const failing = db.transaction(async tx => {
      await tx.run(INSERT, 2)
      throw new Error('undone')
    })
    await Promise.allSettled([failing, db.run(INSERT, 3), db.transaction(tx => tx.run(INSERT, 4))])
    t.is(lockText(dir), text, 'one hold throughout')
  })
  t.deepEqual(values(db), [3, 4])
  t.is(lockSize(dir), 0)
})

test('begin() sets no scope: only the calls of its handle belong to it', async t => {
  const db = await withTable(t)
  const tx = await db.begin()
  t.true(tx.active)
  await tx.run(INSERT, 'in it')
  const timeout = await rejection(db.run({ sql: INSERT, params: ['outside'], timeout: 20 }))
  t.true(timeout instanceof LockTimeout)
  t.true(timeout.holder.startsWith(`pid:${process.pid}`))
  await tx.savepoint(() => db.run(INSERT, 'of the savepoint'))
  await tx.commit()
  t.false(tx.active)
  t.deepEqual(values(db), ['in it', 'of the savepoint'])
  t.is((await rejection(tx.commit())).code, 'ERR_SQLOCK_NOT_HELD')
  t.is((await rejection(tx.run(INSERT, 1))).code, 'ERR_SQLOCK_NOT_HELD')
  await tx.rollback()
})

test('a transaction that is left to `await using` is rolled back', async t => {
  const db = await withTable(t)
  const tx = await db.begin()
  await tx.run(INSERT, 1)
  void tx.run(INSERT, 1)
  await tx[Symbol.asyncDispose]()
  t.false(tx.active)
  t.deepEqual(values(db), [])
  t.false((await db.lockStatus()).locked)
})

test('a transaction that begin() has left open in a scope is rolled back with it', async t => {
  const db = await withTable(t)
  const handles: Transaction[] = []
  await db.transaction(async tx => {
    await tx.run(INSERT, 1)
    const inner = await db.begin()
    handles.push(inner)
    await inner.run(INSERT, 2)
  })
  t.deepEqual(values(db), [1])
  await db.withWriteLock(async () => {
    const inner = await db.begin()
    handles.push(inner)
    await inner.run(INSERT, 3)
    t.true((await rejection(db.run({ sql: INSERT, params: [4], timeout: 10 }))) instanceof LockTimeout)
  })
  await db.run(INSERT, 5)
  t.deepEqual(values(db), [1, 5])
  for (const handle of handles) t.is((await rejection(handle.run(INSERT, 6))).code, 'ERR_SQLOCK_NOT_HELD')
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

test('an abort interrupts the statement that runs, rolls back, and rejects with its reason', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  for (const depth of [0, 1]) {
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const failing = db.transaction(
      async tx => {
        await tx.run(INSERT, 1)
        const endless = depth ? tx.savepoint(inner => inner.run(ENDLESS)) : tx.run(ENDLESS)
        setTimeout(() => controller.abort(reason), 5)
        await endless
      },
      { signal: controller.signal }
    )
    t.is(await rejection(failing), reason)
    t.is(lockSize(dir), 0)
  }
  await db.run(INSERT, 2)
  t.deepEqual(values(db), [2])
})

test('an abort does not wait for a function that hangs, and what that goes on to write is refused', async t => {
  const db = await withTable(t)
  const [controller, gate] = [new AbortController(), new Gate()]
  let orphan: Promise<any> | undefined
  const failing = db.transaction(
    async tx => {
      await tx.run(INSERT, 1)
      orphan = gate.opened.then(() => rejection(db.run(INSERT, 2)))
      controller.abort()
      await gate.opened
    },
    { signal: controller.signal }
  )
  t.is((await rejection(failing)).name, 'AbortError')
  await db.run(INSERT, 3)
  gate.open()
  t.is((await orphan).code, 'ERR_SQLOCK_NOT_HELD')
  t.deepEqual(values(db), [3])
})

test('an abort does not wait for a scope in the transaction that hangs', async t => {
  const db = await withTable(t)
  const controller = new AbortController()
  const failing = db.transaction(
    async tx => {
      await tx.run(INSERT, 1)
      setTimeout(() => controller.abort('enough'), 2)
      await tx.savepoint(inner => db.withWriteLock(() => inner.savepoint(() => new Promise(() => {}))))
    },
    { signal: controller.signal }
  )
  t.is(await rejection(failing), 'enough')
  await db.run(INSERT, 2)
  t.deepEqual(values(db), [2])
})

test('a begin() in a transaction that nobody awaits is rolled back with the others', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    void db.begin()
    void db.begin().then(inner => inner.run(INSERT, 'undone').catch(() => {}))
    void db.begin()
    await Promise.resolve()
    void tx.active
  })
  await db.run(INSERT, 2)
  t.deepEqual(values(db), [2])
})

test('an abort before the lock is granted leaves the queue', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const locker = openLocker(t, dir)
  await locker.acquire()
  const controller = new AbortController()
  const begin = rejection(db.begin({ signal: controller.signal, timeout: Infinity }))
  const transaction = rejection(
    db.transaction(() => t.fail(), { signal: controller.signal, timeout: Infinity })
  )
  controller.abort(5)
  t.deepEqual(await Promise.all([begin, transaction]), [5, 5])
  await locker.unlock()
  await db.run(INSERT, 1)
})

test('a signal of run() interrupts its statement alone', async t => {
  const db = await withTable(t)
  const controller = new AbortController()
  const endless = rejection(db.run({ sql: ENDLESS, signal: controller.signal }))
  const others = [db.run(INSERT, 1), db.run(INSERT, 2)]
  setTimeout(() => controller.abort('enough'), 5)
  t.is(await endless, 'enough')
  await Promise.all(others)
  const script = { sql: `INSERT INTO t VALUES (3); ${ENDLESS}`, signal: AbortSignal.timeout(5) }
  t.is((await rejection(db.exec(script))).name, 'TimeoutError')
  t.is(
    (await rejection(db.batch(['INSERT INTO t VALUES (3)', ENDLESS], { signal: AbortSignal.timeout(5) })))
      .name,
    'TimeoutError'
  )
  t.deepEqual(values(db), [1, 2])
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

test('who waits behind a transaction that was left open is told by whom: label and age', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir, { lock: { label: 'forgotten', longHoldMs: 1 } })
  const warning = new Promise<any>(resolve => {
    const heed = (warned: any) => warned.code === 'SQLOCK_LONG_HOLD' && resolve(warned)
    process.on('warning', heed)
    t.teardown(() => process.off('warning', heed))
  })
  const tx = await db.begin()
  const error = await rejection(db.run({ sql: INSERT, params: [1], timeout: 30 }))
  t.is(error.holderInfo.label, 'forgotten')
  t.true(error.holderInfo.ageMs >= 20)
  t.true((await warning).detail.includes('db.transaction.spec.ts'))
  await tx.rollback()
})

test('a worker thread that is terminated in a transaction frees the lock, and nothing of it stays', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const script = `
    const { Worker } = require('node:worker_threads')
    const { once } = require('node:events')
    const inside = () => {
      const { parentPort, workerData } = require('node:worker_threads')
      const { DB } = require(workerData.index)
      new DB(workerData.path).transaction(async tx => {
        await tx.run('INSERT INTO t VALUES (1)')
        void tx.run('INSERT INTO t VALUES (2)')
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

test('unlock() in withLock ends the transaction that is open under it', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const locker = openLocker(t, dir)
  await locker.withLock(async () => {
    const failing = db.transaction(async tx => {
      await tx.run(INSERT, 1)
      await locker.unlock()
      await tx.run(INSERT, 2)
    })
    t.is((await rejection(failing)).code, 'ERR_SQLOCK_NOT_HELD')
  })
  await db.run(INSERT, 3)
  t.deepEqual(values(openDb(t, dir)), [3])
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
