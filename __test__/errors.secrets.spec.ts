/**
 * Errors go to logs, and arguments may be passwords: whatever is given to whatever call, no error shows it. An error names the
 * argument and its type, the name of an option, of a parameter or of a migration, and the text of a statement, whose values are apart.
 */
import { inspect } from 'node:util'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { DB, WriteLocker } from '../index.js'
import { sqlock } from './helpers/cli.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const SECRET = 'hunter2'
const NUMBER = 8675309
const LEAKS = [SECRET, String(NUMBER), Buffer.from(SECRET).toString('hex').match(/../g)!.join(' ')]

class User {
  password = SECRET
}
const noted = (signal: object) => Object.assign(signal, { password: SECRET })
/** A secret in every type. */
const SECRETS: [string, () => any][] = [
  ['a string', () => SECRET],
  ['a string with a lone surrogate', () => `${SECRET}\ud800`],
  ['a string with a NUL', () => `${SECRET}\0`],
  ['a string of lines', () => `${SECRET}\n`],
  ['a long string', () => SECRET.repeat(100)],
  ['a directory', () => `${SECRET}/`],
  ['a number', () => NUMBER],
  ['a negative number', () => -NUMBER],
  ['a number with a fraction', () => NUMBER + 0.5],
  ['a number that has lost digits', () => NUMBER * 2 ** 31],
  ['a bigint', () => BigInt(NUMBER)],
  ['a bigint of many bits', () => BigInt(String(NUMBER).repeat(9))],
  ['a symbol', () => Symbol(SECRET)],
  ['a list', () => [SECRET, new User()]],
  ['an object', () => ({ password: SECRET, user: new User() })],
  ['an object of a class', () => new User()],
  [
    'an object that shows itself',
    () => ({ [inspect.custom]: () => SECRET, toString: () => SECRET, toJSON: () => SECRET })
  ],
  ['a Map', () => new Map([[SECRET, SECRET]])],
  ['an Error', () => new Error(SECRET)],
  ['a URL', () => new URL(`https://user:${SECRET}@example.com/`)],
  ['a URL of a file', () => new URL(`file:///${SECRET}%2f`)],
  [
    'a URL of no system',
    () => ({ href: SECRET, protocol: 'file:', pathname: `/${SECRET}%2f`, hostname: '' })
  ],
  ['bytes', () => Buffer.from(SECRET)],
  ['a function', () => Object.assign(() => {}, { password: SECRET })],
  ['a signal of no make', () => noted({ aborted: false })]
]

const INSERT = 'INSERT INTO t VALUES (:a, :b)'
/** Calls with arguments that are right. `$sql` is the text of a statement: errors show it. */
const params = { a: 1, b: 'x' }
const wait = { timeout: 5 }
const CALLS: [string, string, ...any[]][] = [
  ...['run', 'execute', 'getAsync', 'allAsync', 'get', 'all', 'iterate', 'iterateAsync'].flatMap(
    (method): [string, string, ...any[]][] => [
      ['db', method, INSERT, params],
      ['db', method, 'INSERT INTO t VALUES (?, ?)', 1, 'x'],
      ['tx', method, 'INSERT INTO t VALUES (?, ?)', [1, 'x']]
    ]
  ),
  ...['run', 'execute', 'getAsync', 'allAsync', 'iterateAsync'].map((method): [string, string, ...any[]] => [
    'db',
    method,
    { sql: INSERT, params, ...wait }
  ]),
  ...['run', 'get', 'all', 'iterate', 'getAsync', 'allAsync', 'iterateAsync'].map(
    (method): [string, string, ...any[]] => ['statement', method, params]
  ),
  ['db', 'getAsync', { sql: 'SELECT 1', raw: true, integers: 'auto' }],
  ['db', 'exec', { sql: 'SELECT 1', ...wait }],
  ['db', 'exec', 'SELECT 1', 1],
  ['db', 'batch', [{ sql: INSERT, params }, 'SELECT 1'], wait],
  ['tx', 'batch', [{ sql: INSERT, params }], wait],
  ['db', 'prepare', 'SELECT 1'],
  ['db', 'pragma', 'user_version', { simple: true }],
  ['db', 'createRecord', 'name', 1],
  ['db', 'updateRecord', 1, 1],
  ['db', 'getRecord', 1],
  ['db', 'getRecordAsync', 1],
  ['db', 'withWriteLock', () => {}, wait],
  ['db', 'transaction', () => {}, wait],
  ['db', 'begin', wait],
  ['tx', 'savepoint', () => {}],
  ['db', 'migrate', [{ id: 'one', up: 'SELECT 1' }], { table: 'history', ...wait }],
  ['db', 'checkpoint', 'PASSIVE', wait],
  ['db', 'backup', '/nowhere/copy.db', { pagesPerStep: 1, progress: () => {} }],
  ['closed', 'close', { timeout: 1 }],
  ['statement', 'pluck', true],
  ['statement', 'raw', true],
  ['statement', 'integers', 'auto'],
  ['locker', 'withLock', () => {}, wait],
  ['locker', 'acquire', wait],
  ['make', 'WriteLocker', '/nowhere', { label: 'x', mode: 0o600, longHoldMs: 1 }],
  [
    'make',
    'DB',
    '/nowhere/app.db',
    {
      readonly: false,
      fileMustExist: true,
      timeout: 1,
      busyTimeout: 1,
      synchronous: 'FULL',
      foreignKeys: true,
      pageSize: 4096,
      autoVacuum: 'FULL',
      integers: 'auto',
      maxQueue: 1,
      readers: 1,
      lock: { label: 'x', mode: 0o600, longHoldMs: 1 }
    }
  ]
]

/** The ways to every part of the arguments, and to one argument more. */
function* places(value: any, path: (string | number)[] = []): Generator<(string | number)[]> {
  if (path.length > 0) yield path
  if (typeof value !== 'object' || value === null) return
  for (const key of Object.keys(value)) yield* places(value[key], [...path, key])
  if (path.length === 0) yield [value.length]
}

const replaced = (value: any, [key, ...rest]: (string | number)[], by: unknown): any => {
  const copy = Array.isArray(value) ? [...value] : { ...value }
  copy[key!] = rest.length > 0 ? replaced(copy[key!], rest, by) : by
  return copy
}

/** Errors show texts of SQL, paths, and the ids of migrations, unless they are refused as arguments. */
const TEXT_FIRST =
  /^(run|exec|execute|get|all|iterate|getAsync|allAsync|iterateAsync|prepare|pragma|backup|DB|WriteLocker)$/
const isText = (of: string, method: string, place: (string | number)[]) =>
  ['sql', 'up', 'id'].includes(String(place.at(-1))) ||
  (place.length === 1 && place[0] === '0' && of !== 'statement' && TEXT_FIRST.test(method)) ||
  (place.length === 2 && method === 'batch')
const isRefused = (name: string) => /surrogate|NUL/.test(name)

function assertSilent(t: ExecutionContext, error: any, what: string) {
  const told = [
    String(error),
    error?.stack,
    inspect(error, { depth: 9, showHidden: true, getters: true })
  ].join('\n')
  for (const leak of LEAKS) t.false(told.includes(leak), `${what}: ${told}`)
}

const ended = async (result: any) => {
  if (typeof result?.next === 'function') return result.next()
  return result
}

for (const [of, method, ...args] of CALLS) {
  test(`no error shows an argument: ${of}.${method}(${inspect(args, { depth: 3, breakLength: Infinity })})`, async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir)
    const closed = openDb(t, dir)
    await closed.close()
    await db.exec("CREATE TABLE t (a INTEGER CHECK (a = 1), b TEXT UNIQUE CHECK (b = 'x')) STRICT")
    const locker = openLocker(t, tmpDir(t))
    const make = {
      DB: (...all: any[]) => new (DB as any)(...all),
      WriteLocker: (...all: any[]) => new (WriteLocker as any)(...all)
    }
    let refused = 0
    for (const place of places(args)) {
      for (const [name, secret] of SECRETS) {
        if (isText(of, method, place) && typeof secret() === 'string' && !isRefused(name)) continue
        const tx = of === 'tx' ? await db.begin() : undefined
        const statement =
          of === 'statement' ? db.prepare(method === 'run' ? INSERT : 'SELECT :a, :b') : undefined
        const receiver: any = { db, closed, locker, make, tx, statement }[of]
        try {
          const result = await ended(receiver[method](...replaced(args, place, secret())))
          await (result?.rollback ?? result?.release ?? result?.close)?.call(result)
        } catch (error) {
          refused++
          if (error !== undefined) assertSilent(t, error, `${place.join('.')}, ${name}`)
        }
        await tx?.rollback()
      }
    }
    t.true(refused > 0 || method === 'close')
  })
}

test('no complaint of the program shows the value of an option', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  for (const args of [
    ['exec', dir, '--timeout', SECRET, '--', 'true'],
    ['exec', dir, '--label', `${SECRET}\n`, '--', 'true'],
    ['checkpoint', db.dbPath, '--mode', SECRET],
    ['checkpoint', db.dbPath, '--timeout', SECRET],
    ['backup', db.dbPath, `${dir}/copy.db`, '--pages-per-step', SECRET],
    ['backup', db.dbPath, `${dir}/copy.db`, `--password=${SECRET}`],
    ['status', dir, SECRET],
    ['doctor', db.dbPath, SECRET]
  ]) {
    const { code, stdout, stderr } = (await sqlock(t, ...args)) as any
    t.is(code, 64, stderr)
    t.false(`${stdout}${stderr}`.includes(SECRET), stderr)
  }
})
