/** Transactions and savepoints of Kysely. */
import test from 'ava'
import { type Kysely, sql } from 'kysely'
import { LockTimeout, SqliteError } from '../index.js'
import { Gate, mustBlock, rejection } from './helpers/block.ts'
import { type Tables, insert, kyselyOn, names, withPersons } from './helpers/kysely.ts'
import { lockSize, lockText, openDb, tmpDir } from './helpers/tmp.ts'

test('a transaction is there as a whole or not at all, under one hold of the lock', async t => {
  const dir = tmpDir(t)
  const { db } = await withPersons(t, dir)
  const value = await db.transaction().execute(async trx => {
    t.true(lockText(dir).startsWith(`pid:${process.pid}`))
    await insert(trx, 'Ada')
    t.deepEqual(await names(trx), ['Ada'])
    return 'value'
  })
  t.is(value, 'value')
  const undone = new Error('undone')
  const failing = db.transaction().execute(async trx => {
    await insert(trx, 'Grace')
    throw undone
  })
  t.is(await rejection(failing), undone)
  t.deepEqual(await names(db), ['Ada'])
  t.is(lockSize(dir), 0)
})

test('others read beside an open transaction, and see nothing of it; their writes wait for it', async t => {
  const { db } = await withPersons(t)
  const [inside, end] = [new Gate(), new Gate()]
  const transaction = db.transaction().execute(async trx => {
    await insert(trx, 'in it')
    inside.open()
    await end.opened
  })
  await inside.opened
  t.deepEqual(await names(db), [])
  const written = await mustBlock(t, insert(db, 'beside it'))
  end.open()
  await transaction
  await written()
  t.deepEqual(await names(db), ['in it', 'beside it'])
})

const count = (db: Kysely<Tables>) =>
  db
    .selectFrom('person')
    .select(eb => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()

test('transactions that are begun at once run one after another', async t => {
  const { db } = await withPersons(t)
  await insert(db, '0')
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, (_, n) =>
      db.transaction().execute(async trx => {
        const before = await count(trx)
        await insert(trx, `${n + 1}`)
        t.is((await count(trx)).count, before.count + 1)
        if (n % 5 === 0) throw new Error('undone')
      })
    )
  )
  t.is(outcomes.filter(({ status }) => status === 'rejected').length, 10)
  t.is((await names(db)).length, 41)
})

test('queries that are issued together in a transaction are done in their order', async t => {
  const { db } = await withPersons(t)
  await db.transaction().execute(async trx => {
    const [, , { rows }] = await Promise.all([
      insert(trx, 'Ada'),
      sql`UPDATE person SET age = 36`.execute(trx),
      sql`SELECT name, age FROM person`.execute(trx)
    ])
    t.deepEqual(rows, [{ name: 'Ada', age: 36 }])
  })
})

test('a query of the root in a transaction is not part of it: it reads, and a write is a LockTimeout', async t => {
  const { db } = await withPersons(t, tmpDir(t), { timeout: 20 })
  const failing = db.transaction().execute(async trx => {
    await insert(trx, 'in it')
    t.deepEqual(await names(db), [])
    await insert(db, 'of the root')
  })
  const timeout = await rejection(failing)
  t.true(timeout instanceof LockTimeout)
  t.true(timeout.holder.startsWith(`pid:${process.pid}`))
  t.deepEqual(await names(db), [])
})

test('a write that fails undoes itself alone when that is caught', async t => {
  const { db } = await withPersons(t)
  await db.transaction().execute(async trx => {
    await insert(trx, 'Ada')
    t.is((await rejection(insert(trx, 'Ada'))).code, 'SQLITE_CONSTRAINT_UNIQUE')
    await insert(trx, 'Grace')
  })
  t.deepEqual(await names(db), ['Ada', 'Grace'])
})

test('a COMMIT that fails undoes everything, and is what the transaction rejects with', async t => {
  const { db, database } = await withPersons(t)
  await database.exec('CREATE TABLE pet (owner REFERENCES person DEFERRABLE INITIALLY DEFERRED)')
  const orphan = sql`INSERT INTO pet VALUES (5)`
  const failing = db.transaction().execute(async trx => {
    await insert(trx, 'Ada')
    await orphan.execute(trx)
  })
  const error = await rejection(failing)
  t.true(error instanceof SqliteError)
  t.is(error.code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
  const trx = await db.startTransaction().execute()
  await orphan.execute(trx)
  await t.throwsAsync(trx.commit().execute(), { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
  t.is((await rejection(insert(trx, 'late'))).code, 'ERR_SQLOCK_NOT_HELD')
  await trx.rollback().execute()
  t.deepEqual(await names(db), [])
  await insert(db, 'Grace')
})

test('a controlled transaction goes back to its savepoints, and lets go of them', async t => {
  const { db } = await withPersons(t)
  const trx = await db.startTransaction().execute()
  await insert(trx, '1')
  const first = await trx.savepoint('first').execute()
  await insert(first, '2')
  const second = await first.savepoint('second').execute()
  await insert(second, '3')
  const again = await second.rollbackToSavepoint('second').execute()
  await insert(again, '4')
  t.deepEqual(await names(again), ['1', '2', '4'])
  const back = await again.rollbackToSavepoint('first').execute()
  t.deepEqual(await names(back), ['1'])
  await insert(back, '5')
  const inner = await back.savepoint('inner').execute()
  await insert(inner, '6')
  // With it goes the one in it.
  await inner.releaseSavepoint('first').execute()
  await t.throwsAsync(inner.rollbackToSavepoint('inner').execute(), { message: /no such savepoint: inner/ })
  await insert(trx, '7')
  await trx.commit().execute()
  t.deepEqual(await names(db), ['1', '5', '6', '7'])
})

test('what is in an open savepoint is committed with its transaction, or undone with it', async t => {
  const { db } = await withPersons(t)
  for (const end of ['commit', 'rollback'] as const) {
    const trx = await db.startTransaction().execute()
    const saved = await trx.savepoint('outer "one"').execute()
    const inner = await saved.savepoint('inner').execute()
    await insert(inner, end)
    await inner[end]().execute()
  }
  t.deepEqual(await names(db), ['commit'])
})

test('of savepoints of one name the newest counts, and case makes no difference', async t => {
  const { db } = await withPersons(t)
  const trx = await db.startTransaction().execute()
  const first = await trx.savepoint('a').execute()
  await insert(first, '1')
  const second = await first.savepoint('A').execute()
  await insert(second, '2')
  await second.rollbackToSavepoint('a').execute()
  t.deepEqual(await names(trx), ['1'])
  await second.releaseSavepoint('a').execute()
  await second.rollbackToSavepoint('a').execute()
  await trx.commit().execute()
  t.deepEqual(await names(db), [])
})

test('queries that are issued together with a savepoint do not wait for its end', async t => {
  const { db } = await withPersons(t)
  const trx = await db.startTransaction().execute()
  const [saved] = await Promise.all([trx.savepoint('a').execute(), insert(trx, '1')])
  await Promise.all([saved.rollbackToSavepoint('a').execute(), insert(trx, '2')])
  await Promise.all([saved.releaseSavepoint('a').execute(), insert(trx, '3')])
  await trx.commit().execute()
  t.deepEqual(await names(db), ['2', '3'])
})

test('the log tells of the steps of a transaction', async t => {
  const log: string[] = []
  const { db } = await withPersons(t, tmpDir(t), {}, { log: ({ query }) => void log.push(query.sql) })
  await db.transaction().execute(async () => {})
  const trx = await db.startTransaction().execute()
  const saved = await trx.savepoint('a "b"').execute()
  await saved.rollbackToSavepoint('a "b"').execute()
  await saved.releaseSavepoint('a "b"').execute()
  await trx.rollback().execute()
  t.deepEqual(log, [
    'begin',
    'commit',
    'begin',
    'savepoint "a ""b"""',
    'rollback to "a ""b"""',
    'release "a ""b"""',
    'rollback'
  ])
})

test('an isolation level is no matter, since every transaction is serializable', async t => {
  const { db } = await withPersons(t)
  await db
    .transaction()
    .setIsolationLevel('read uncommitted')
    .execute(trx => insert(trx, 'Ada'))
  await db
    .transaction()
    .setIsolationLevel('serializable')
    .execute(trx => insert(trx, 'Grace'))
  t.deepEqual(await names(db), ['Ada', 'Grace'])
})

test('a transaction that is left open is rolled back by destroy()', async t => {
  const dir = tmpDir(t)
  const { db } = await withPersons(t, dir)
  const trx = await db.startTransaction().execute()
  await insert(trx, 'Ada')
  await db.destroy()
  t.deepEqual(openDb(t, dir).all('SELECT name FROM person'), [])
})

test('a connection takes one transaction after another, and queries in between', async t => {
  const { db } = await withPersons(t)
  await db.connection().execute(async connection => {
    await connection.transaction().execute(trx => insert(trx, '1'))
    await insert(connection, '2')
    const trx = await connection.startTransaction().execute()
    await insert(trx, '3')
    await trx.rollback().execute()
    await insert(connection, '4')
  })
  t.deepEqual(await names(db), ['1', '2', '4'])
})

test('in a function of the database, queries of Kysely belong to its hold or to its transaction', async t => {
  const { db, database } = await withPersons(t)
  const failing = database.transaction(async tx => {
    await insert(db, 'in it')
    t.deepEqual(tx.all('SELECT name FROM person'), [{ name: 'in it' }])
    await rejection(
      db.transaction().execute(async trx => {
        await insert(trx, 'in a savepoint')
        throw new Error('undone')
      })
    )
    t.deepEqual(await names(db), ['in it'])
    throw new Error('undone')
  })
  await t.throwsAsync(failing, { message: 'undone' })
  await database.withWriteLock(async () => {
    await insert(db, 'under the lock')
    await db.transaction().execute(trx => insert(trx, 'in a transaction'))
  })
  t.deepEqual(await names(kyselyOn(database)), ['under the lock', 'in a transaction'])
})

test('last_insert_rowid() in a transaction is that of the insert before, and is refused outside', async t => {
  const { db } = await withPersons(t)
  const parent = sql<number>`last_insert_rowid()`
  await insert(db, 'another')
  await db.transaction().execute(async trx => {
    await insert(trx, 'Ada')
    const { rows } = await sql<{ id: number }>`SELECT ${parent} AS id`.execute(trx)
    t.deepEqual(rows, [{ id: 2 }])
    await sql`INSERT INTO person (id, name) VALUES (${parent} + 40, 'child')`.execute(trx)
  })
  t.deepEqual(await db.selectFrom('person').select('id').orderBy('id').execute(), [
    { id: 1 },
    { id: 2 },
    { id: 42 }
  ])
  t.is((await rejection(sql`SELECT ${parent}`.execute(db))).code, 'SQLITE_AUTH')
})
