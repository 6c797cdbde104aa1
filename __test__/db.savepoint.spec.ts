/** begin() of a transaction: savepoints that a driver ends. */
import test from 'ava'
import { mustBlock, rejection } from './helpers/block.ts'
import { INSERT, values, withTable } from './helpers/table.ts'

test('a savepoint that is committed stays, and one that is rolled back has never been', async t => {
  const db = await withTable(t)
  const tx = await db.begin()
  await tx.run(INSERT, 1)
  const first = await tx.begin()
  await first.run(INSERT, 2)
  await first.commit()
  const second = await tx.begin()
  await second.run(INSERT, 3)
  const inner = await second.begin()
  await inner.run(INSERT, 4)
  await inner.commit()
  t.deepEqual(values(second), [1, 2, 3, 4])
  await second.rollback()
  t.deepEqual([first.active, second.active, inner.active, tx.active], [false, false, false, true])
  t.is((await rejection(second.run(INSERT, 5))).code, 'ERR_SQLOCK_NOT_HELD')
  await tx.run(INSERT, 3)
  await tx.commit()
  t.deepEqual(values(db), [1, 2, 3])
})

test('calls of the handle around it wait behind a savepoint', async t => {
  const db = await withTable(t)
  const tx = await db.begin()
  const inner = await tx.begin()
  const written = await mustBlock(t, tx.run(INSERT, 'after'))
  const sibling = await mustBlock(t, tx.begin())
  await inner.run(INSERT, 'in it')
  await inner.commit()
  await written()
  const next = await sibling()
  await next.run(INSERT, 'in the next')
  await next.commit()
  await tx.commit()
  t.deepEqual(values(db), ['in it', 'after', 'in the next'])
})

test('a savepoint that is open when its transaction ends is rolled back', async t => {
  const db = await withTable(t)
  const tx = await db.begin()
  await tx.run(INSERT, 1)
  const inner = await tx.begin()
  await inner.run(INSERT, 2)
  await tx.commit()
  t.false(inner.active)
  t.deepEqual(values(db), [1])

  await db.transaction(async tx => {
    const inner = await tx.begin()
    await inner.run(INSERT, 3)
  })
  const { length } = values(db)
  t.is(length, 1)
})

test('close() rolls back a savepoint with its transaction', async t => {
  const db = await withTable(t)
  const tx = await db.begin()
  const inner = await tx.begin()
  await inner.run(INSERT, 1)
  await db.close()
  t.deepEqual([tx.active, inner.active], [false, false])
  t.is((await rejection(tx.begin())).code, 'ERR_SQLOCK_NOT_HELD')
})
