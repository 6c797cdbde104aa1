/** sqlock/drizzle: transactions, and what goes on beside them. */
import test from 'ava'
import { LockTimeout, SqliteError } from '../index.js'
import { Gate, mustBlock, rejection } from './helpers/block.ts'
import { spawnHolder } from './helpers/child.ts'
import { generations, openBlog } from './helpers/drizzle.ts'
import { tmpDir } from './helpers/tmp.ts'

for (const generation of await generations()) {
  const { name, orm } = generation
  const { eq, sql } = orm

  test(`${name}: a transaction commits with its function and gives its result`, async t => {
    const { db, client, users } = await openBlog(t, generation)
    const n = await db.transaction(async tx => {
      await tx.insert(users).values({ name: 'Ada' })
      t.deepEqual(client.stats().commits, 1, 'the tables alone are there')
      return tx.$count(users)
    })
    t.is(n, 1)
    t.is(await db.$count(users), 1)
  })

  test(`${name}: it rolls back with an error, and with rollback()`, async t => {
    const { db, users } = await openBlog(t, generation)
    const thrown = new Error('mine')
    const failing = db.transaction(async tx => {
      await tx.insert(users).values({ name: 'Ada' })
      throw thrown
    })
    t.is(await rejection(failing), thrown)
    const rolledBack = db.transaction(async tx => {
      await tx.insert(users).values({ name: 'Ada' })
      tx.rollback()
    })
    t.true((await rejection(rolledBack)) instanceof orm.TransactionRollbackError)
    t.is(await db.$count(users), 0)
    const handled = db.transaction(async tx => {
      await tx.insert(users).values({ id: 1, name: 'Ada' })
      t.is(
        (await rejection(tx.insert(users).values({ id: 1, name: 'Bob' }))).code,
        'SQLITE_CONSTRAINT_PRIMARYKEY'
      )
      await tx.insert(users).values({ name: 'Cyd' })
    })
    await handled
    t.is(await db.$count(users), 2, 'a statement that failed is undone by itself')
  })

  test(`${name}: a transaction in one is a savepoint`, async t => {
    const { db, users } = await openBlog(t, generation)
    await db.transaction(async tx => {
      await tx.insert(users).values({ name: 'outer' })
      await tx.transaction(async inner => {
        await inner.insert(users).values({ name: 'inner' })
        await inner.transaction(deepest => deepest.insert(users).values({ name: 'deepest' }).returning())
      })
      const undone = tx.transaction(async inner => {
        await inner.insert(users).values({ name: 'undone' })
        inner.rollback()
      })
      t.true((await rejection(undone)) instanceof orm.TransactionRollbackError)
      const twins = ['one', 'two'].map(name => tx.transaction(inner => inner.insert(users).values({ name })))
      await Promise.all(twins)
    })
    const names = (await db.select().from(users)).map(user => user.name)
    t.deepEqual(names, ['outer', 'inner', 'deepest', 'one', 'two'])
  })

  test(`${name}: what is asked of the database itself in the function belongs to the transaction`, async t => {
    const { db, users } = await openBlog(t, generation)
    const prepared = db.select().from(users).prepare()
    const failing = db.transaction(async tx => {
      await tx.insert(users).values({ name: 'by the transaction' })
      await db.insert(users).values({ name: 'by the database' })
      t.is((await prepared.all()).length, 2)
      t.is(await db.$count(users), 2)
      await db.transaction(inner => inner.insert(users).values({ name: 'in a savepoint' }).returning())
      await db.batch([db.insert(users).values({ name: 'in a batch' })])
      t.is((await tx.select().from(users)).length, 4)
      tx.rollback()
    })
    t.true((await rejection(failing)) instanceof orm.TransactionRollbackError)
    t.is(await db.$count(users), 0)
  })

  test(`${name}: the outer one used in its savepoint is refused, and waits for nothing`, async t => {
    const { db, users } = await openBlog(t, generation)
    await db.transaction(async tx => {
      const used = tx.transaction(() => tx.insert(users).values({ name: 'Ada' }).returning())
      t.is((await rejection(used)).code, 'ERR_SQLOCK_DEADLOCK')
    })
  })

  test(`${name}: two at once in a process take turns, and what is written beside them stays`, async t => {
    const { db, users } = await openBlog(t, generation, { options: { timeout: 60_000 } })
    const [inside, leave] = [new Gate(), new Gate()]
    const first = db.transaction(async tx => {
      await tx.insert(users).values({ name: 'first' })
      inside.open()
      await leave.opened
      tx.rollback()
    })
    await inside.opened
    const beside = db.insert(users).values({ name: 'beside' }).run()
    const second = db.transaction(async tx => {
      t.is(await tx.$count(users), 1, 'what stands beside the first')
      await tx.insert(users).values({ name: 'second' })
    })
    t.is(await db.$count(users), 0, 'a read from outside sees nothing of it')
    const unblocked = await mustBlock(t, second)
    leave.open()
    t.true((await rejection(first)) instanceof orm.TransactionRollbackError)
    await unblocked()
    await beside
    t.deepEqual(
      (await db.select().from(users)).map(user => user.name),
      ['beside', 'second']
    )
  })

  test(`${name}: reads and writes that are issued at once in a transaction keep their order`, async t => {
    const { db, users } = await openBlog(t, generation)
    await db.transaction(async tx => {
      const [, counted, returned, listed] = await Promise.all([
        tx.insert(users).values({ name: 'Ada' }),
        tx.$count(users),
        tx.insert(users).values({ name: 'Bob' }).returning(),
        tx.select().from(users)
      ])
      t.is(counted, 1)
      t.deepEqual(returned, [{ id: 2, name: 'Bob' }])
      t.is(listed.length, 2)
    })
  })

  test(`${name}: every behaviour is one transaction under the lock`, async t => {
    const { db, client, users } = await openBlog(t, generation)
    for (const behavior of ['deferred', 'immediate', 'exclusive'] as const) {
      await db.transaction(
        async tx => {
          t.true(client.inWriteLock)
          await tx.insert(users).values({ name: behavior })
        },
        { behavior }
      )
    }
    t.is(await db.$count(users), 3)
  })

  test(`${name}: a timeout and a signal are heeded, and who holds the lock is told`, async t => {
    const dir = tmpDir(t)
    const { db, users } = await openBlog(t, generation, { dir })
    const holder = await spawnHolder(t, dir)
    const refused = await rejection(db.transaction(async () => t.fail(), { timeout: 5 }))
    t.true(refused instanceof LockTimeout)
    t.is(refused.holderInfo.pid, holder.pid)
    const controller = new AbortController()
    const aborted = rejection(
      db.transaction(async () => t.fail(), { timeout: 60_000, signal: controller.signal })
    )
    controller.abort(new Error('enough'))
    t.is((await aborted).message, 'enough')
    await holder.kill()
    await db.transaction(tx => tx.insert(users).values({ name: 'Ada' }).returning())
    t.is(await db.$count(users), 1)
  })

  test(`${name}: a COMMIT that fails rolls back, and SQL that begins or ends a transaction is refused`, async t => {
    const { db, client, users } = await openBlog(t, generation)
    await client.exec('CREATE TABLE later (id INTEGER REFERENCES users DEFERRABLE INITIALLY DEFERRED)')
    const failing = db.transaction(async tx => {
      await tx.insert(users).values({ name: 'Ada' })
      await tx.run(sql`INSERT INTO later VALUES (5)`)
    })
    const error = await rejection(failing)
    t.true(error instanceof SqliteError)
    t.is(error.code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
    t.is(await db.$count(users, eq(users.name, 'Ada')), 0)
    for (const text of ['BEGIN', 'COMMIT', 'SAVEPOINT a'])
      t.is((await rejection(db.run(sql.raw(text)))).code, 'ERR_SQLOCK_TRANSACTION', text)
  })
}
