/** The types, as tsc checks them (`npm run lint`); at run time there is nothing but the values to see. */
import test from 'ava'
import { DB, LockTimeout, SqlockError, WriteLocker } from '../index.js'
import type { ExecuteResult, Int, LockGuard, LockHolder, RecordRow, Transaction } from '../index.js'
import { DB as ImportedDB } from '../index.mjs'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal

test('integer modes are part of the type of a DB', async t => {
  const number = openDb(t)
  const bigint = new DB(`${tmpDir(t)}/a.db`, { integers: 'bigint' })
  const id = await bigint.createRecord('a', 1n)
  same<typeof id, bigint>(true)
  same<ReturnType<typeof number.getRecord>, RecordRow | undefined>(true)
  same<RecordRow<'bigint'>['value'], bigint>(true)
  same<Int<'auto'>, number | bigint>(true)
  t.is(bigint.getRecord(id)?.value, 1n)
  await bigint.close()
})

test('what drivers call has the types of the DB', async t => {
  await using db = new DB(`${tmpDir(t)}/a.db`, { integers: 'bigint' })
  const result = await db.execute<{ a: bigint }>('SELECT 1 AS a')
  same<typeof result, ExecuteResult<{ a: bigint }, 'bigint'>>(true)
  same<(typeof result)['lastInsertRowid'], bigint>(true)
  await using tx = await db.begin()
  await using inner = await tx.begin()
  same<typeof inner, Transaction<'bigint'>>(true)
  t.deepEqual(result.rows, [{ a: 1n }])
})

test('withLock and withWriteLock have the type of what their function gives', async t => {
  const locker = openLocker(t)
  const value = await locker.withLock(() => Promise.resolve('x'))
  same<typeof value, string>(true)
  const guard = await locker.acquire()
  same<typeof guard, LockGuard>(true)
  t.is(value, 'x')
})

test('a code narrows to a LockTimeout', t => {
  const error: unknown = new LockTimeout('pid:1', 5)
  if (error instanceof LockTimeout) {
    same<typeof error.holderInfo, LockHolder | null>(true)
    same<typeof error.code, 'ERR_SQLOCK_TIMEOUT'>(true)
  }
  t.true(error instanceof SqlockError)
})

test('what the types refuse is refused', t => {
  // @ts-expect-error a path is needed
  t.throws(() => new DB())
  // @ts-expect-error no such option
  t.throws(() => new WriteLocker('.', { name: 'x' }))
  // @ts-expect-error no such auto_vacuum
  t.throws(() => new DB(`${tmpDir(t)}/a.db`, { autoVacuum: 'full' }))
  // @ts-expect-error a number of bytes
  t.throws(() => new DB(`${tmpDir(t)}/a.db`, { pageSize: '4096' }))
  // @ts-expect-error no such mode
  t.throws(() => new DB(`${tmpDir(t)}/a.db`, { integers: 'float' }))
})

test('both module forms have the same types', t => {
  same<typeof ImportedDB, typeof DB>(true)
  const db: DB<'bigint'> = new ImportedDB(`${tmpDir(t)}/a.db`, { integers: 'bigint' })
  t.true(db instanceof DB)
})
