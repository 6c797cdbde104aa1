/** Bad input: a typed error that names the argument, thrown by constructors and readers, a rejection of promises. */
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { DB, WriteLocker } from '../index.js'
import { rejection } from './helpers/block.ts'
import { posix } from './helpers/posix.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const any = (value: unknown) => value as any
const show = (value: unknown) => inspect(value, { breakLength: Infinity })

for (const path of [
  ':memory:',
  '/tmp/db.lock',
  'db.lock',
  'DB.LOCK',
  'db.lock.holder',
  '/tmp/',
  './',
  '',
  undefined,
  null,
  5,
  {},
  'a\0b',
  '\ud800',
  new URL('https://example.org/a.db')
]) {
  test(`a dbPath of ${show(path)} is a TypeError`, t => {
    const error = t.throws(() => new DB(any(path)), { instanceOf: TypeError })
    t.regex(error?.message as string, /dbPath|scheme/)
  })
}

for (const dir of ['', undefined, null, 5, {}, 'a\0b', '\ud800', new URL('https://example.org/')]) {
  test(`a baseDir of ${show(dir)} is a TypeError`, t => {
    const error = t.throws(() => new WriteLocker(any(dir)), { instanceOf: TypeError })
    t.regex(error?.message as string, /baseDir|scheme/)
  })
}

const badDatabaseOptions: [string, object | null | number | [], ErrorConstructor][] = [
  ['unknown', { tiemout: 5 }, TypeError],
  ['unknown', { readOnly: true }, TypeError],
  ['options', null, TypeError],
  ['options', 5, TypeError],
  ['options', [], TypeError],
  ['timeout', { timeout: NaN }, RangeError],
  ['timeout', { timeout: -1 }, RangeError],
  ['timeout', { timeout: '500' }, TypeError],
  ['busyTimeout', { busyTimeout: Infinity }, RangeError],
  ['busyTimeout', { busyTimeout: 2 ** 31 }, RangeError],
  ['synchronous', { synchronous: 'OFF' }, TypeError],
  ['synchronous', { synchronous: 1 }, TypeError],
  ['foreignKeys', { foreignKeys: 1 }, TypeError],
  ['pageSize', { pageSize: '4096' }, TypeError],
  ['pageSize', { pageSize: 256 }, RangeError],
  ['pageSize', { pageSize: 131_072 }, RangeError],
  ['pageSize', { pageSize: 4097 }, RangeError],
  ['pageSize', { pageSize: NaN }, RangeError],
  ['pageSize', { pageSize: 4096, readonly: true }, TypeError],
  ['autoVacuum', { autoVacuum: 'full' }, TypeError],
  ['autoVacuum', { autoVacuum: 1 }, TypeError],
  ['autoVacuum', { autoVacuum: 'NONE', readonly: true }, TypeError],
  ['fileMustExist', { fileMustExist: 'yes' }, TypeError],
  ['integers', { integers: 'float' }, TypeError],
  ['unknown', { lock: { lable: 'x' } }, TypeError]
]
for (const [names, options, type] of badDatabaseOptions) {
  test(`DB options ${show(options)} are a ${type.name}`, t => {
    const dir = tmpDir(t)
    const error = t.throws(() => new DB(`${dir}/app.db`, any(options)), { instanceOf: type })
    t.true(error?.message.includes(names), error?.message)
  })
}

const badLockOptions: [string, unknown, ErrorConstructor][] = [
  ['unknown', { name: 'x' }, TypeError],
  ['options', 'x', TypeError],
  ['label', { label: 5 }, TypeError],
  ['label', { label: 'two\nlines' }, TypeError],
  ['label', { label: 'bell\u0007' }, TypeError],
  ['label', { label: 'separator\u2028' }, TypeError],
  ['label', { label: '\udfff' }, TypeError],
  ['label', { label: 'x'.repeat(201) }, RangeError],
  ['mode', { mode: '0600' }, TypeError],
  ['mode', { mode: 0o1000 }, RangeError],
  ['mode', { mode: -1 }, RangeError],
  ['mode', { mode: 1.5 }, RangeError],
  ['longHoldMs', { longHoldMs: NaN }, RangeError]
]
for (const [names, options, type] of badLockOptions) {
  test(`WriteLocker options ${show(options)} are a ${type.name}`, t => {
    const dir = tmpDir(t)
    const error = t.throws(() => new WriteLocker(dir, any(options)), { instanceOf: type })
    t.true(error?.message.includes(names), error?.message)
  })
}

const badAcquireOptions: [string, unknown, ErrorConstructor][] = [
  ['timeout', NaN, RangeError],
  ['timeout', -1, RangeError],
  ['timeout', { timeout: '5' }, TypeError],
  ['timeout', { timeout: 5n }, TypeError],
  ['options', '5', TypeError],
  ['options', null, TypeError],
  ['signal', { signal: {} }, TypeError],
  ['unknown', { timeOut: 5 }, TypeError]
]
for (const [names, options, type] of badAcquireOptions) {
  test(`acquire options ${show(options)} are a ${type.name}`, async t => {
    const dir = tmpDir(t)
    const [db, locker] = [openDb(t, dir), openLocker(t, dir)]
    for (const call of [
      () => locker.acquire(any(options)),
      () => locker.withLock(() => t.fail(), any(options)),
      () => db.withWriteLock(() => t.fail(), any(options))
    ]) {
      const error = await rejection(call())
      t.true(error instanceof type, error.stack)
      t.true(error.message.includes(names), error.message)
    }
    t.false((await locker.status()).locked)
  })
}

const integers: [unknown, ErrorConstructor][] = [
  [1.5, RangeError],
  [NaN, RangeError],
  [Infinity, RangeError],
  [2 ** 53, RangeError],
  [2n ** 63n, RangeError],
  [-(2n ** 63n) - 1n, RangeError],
  ['1', TypeError],
  [null, TypeError],
  [undefined, TypeError],
  [true, TypeError],
  [{}, TypeError],
  [Symbol('x'), TypeError]
]
for (const [value, type] of integers) {
  test(`an integer of ${show(value)} is a ${type.name}, never rounded`, async t => {
    const db = openDb(t)
    for (const call of [() => db.createRecord('a', any(value)), () => db.updateRecord(1, any(value))]) {
      const error = await rejection(call())
      t.true(error instanceof type, error.stack)
      t.regex(error.message, /^value must be an integer/)
    }
    const id = await rejection(db.updateRecord(any(value), 1))
    t.true(id instanceof type)
    t.regex(id.message, /^id must be an integer/)
    t.throws(() => db.getRecord(any(value)), { instanceOf: type, message: /^id must be an integer/ })
    t.deepEqual(db.getAllRecords(), [])
  })
}

for (const name of [undefined, null, 5, {}, Symbol('x'), '\ud800', 'a\udfffb']) {
  test(`a name of ${show(name)} is a TypeError`, async t => {
    const db = openDb(t)
    const error = await rejection(db.createRecord(any(name), 1))
    t.true(error instanceof TypeError)
    t.regex(error.message, /^name /)
    t.deepEqual(db.getAllRecords(), [])
  })
}

for (const fn of [undefined, null, 5, 'fn', {}]) {
  test(`a function of ${show(fn)} is a TypeError`, async t => {
    const dir = tmpDir(t)
    for (const call of [
      () => openDb(t, dir).withWriteLock(any(fn)),
      () => openLocker(t, dir).withLock(any(fn))
    ]) {
      const error = await rejection(call())
      t.true(error instanceof TypeError)
      t.regex(error.message, /^fn must be a function/)
    }
  })
}

posix('url')('a signal or a URL of another realm will do', async t => {
  const dir = tmpDir(t)
  const { signal, url } = runInNewContext(
    `({
    signal: { aborted: true, reason: 'elsewhere', addEventListener() {}, removeEventListener() {} },
    url: { href: location, protocol: 'file:', hostname: '', pathname: '${dir}', port: '', search: '', hash: '' }
  })`.replace('location', `'file://${dir}'`)
  )
  t.is(await rejection(openLocker(t, dir).acquire({ signal })), 'elsewhere')
  t.is(new WriteLocker(url).lockPath, `${dir}/db.lock`)
})

const cannotBeShown = () => {
  throw new Error('of the caller')
}
test('what cannot be shown is refused like anything else', t => {
  // A view whose buffer is gone has no length that could be shown.
  const view = new DataView(new ArrayBuffer(8))
  structuredClone(view.buffer, { transfer: [view.buffer] })
  for (const value of [view, { [inspect.custom]: cannotBeShown }]) {
    const error = { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' }
    t.throws(() => new DB(any(value)), { ...error, message: /^dbPath must be a string, not / })
    t.throws(() => openDb(t).get('SELECT ?', [any([value])]), { ...error, message: /^parameter 1 / })
  }
})

// An iterator without an end would have gathered items until the memory was full.
test('a list is what stands at its indices, whatever its iterator gives', async t => {
  const db = openDb(t)
  for (const iterator of [5, cannotBeShown]) {
    const list = (...items: any[]) => Object.assign(items, { [Symbol.iterator]: any(iterator) })
    await db.batch(list('CREATE TABLE IF NOT EXISTS t (a)', { sql: 'INSERT INTO t VALUES (?)', params: [1] }))
    await db.run('INSERT INTO t VALUES (?)', list(2))
    await db.migrate(list({ id: '1', up: 'CREATE TABLE migrated (a)' }))
  }
  t.deepEqual(
    db.all('SELECT a FROM t').map(row => row.a),
    [1, 2, 1, 2]
  )
})

test('pragma checks its arguments', t => {
  const db = openDb(t)
  t.throws(() => db.pragma(any(5)), { instanceOf: TypeError, message: /^source / })
  t.throws(() => db.pragma('user_version', any({ simpel: true })), { instanceOf: TypeError })
  t.throws(() => db.pragma('user_version', any({ simple: 1 })), { instanceOf: TypeError })
})

test('the classes cannot be called without new', t => {
  t.throws(() => any(DB)('x'), { instanceOf: TypeError })
  t.throws(() => any(WriteLocker)('x'), { instanceOf: TypeError })
})
