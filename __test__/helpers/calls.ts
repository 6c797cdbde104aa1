/** Random calls of every method, with arguments that are right, nearly right, and of every other kind. */
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { type Argument, CallersError, anything, argument, thenable, throws } from './anything.ts'

/** What a write leaves tells by which call it was made. */
const INSERT = (call: number) => `INSERT INTO log VALUES (${call})`

/** An argument that is right, with parts that are not. */
const mixed = (names: string[], right: Record<string, Argument['make']>) =>
  fc
    .record(Object.fromEntries(names.map(name => [name, fc.option(anything, { nil: undefined, freq: 2 })])))
    .map(parts => {
      const made = (call: number) =>
        Object.entries({ ...right, ...parts }).flatMap(([name, part]) => {
          if (part === undefined) return name in right ? [[name, right[name]?.(call)]] : []
          return [[name, typeof part === 'function' ? part(call) : part.make(call)]]
        })
      const shown = Object.entries(parts).map(([name, part]) => `${name}: ${part?.[fc.toStringMethod]()}`)
      return argument(`{ ${shown} }`, call => Object.fromEntries(made(call)))
    })

const oneOf = (...makes: Argument['make'][]) =>
  fc.constantFrom(...makes).map(make => argument(String(make), make))

const mostly = (right: fc.Arbitrary<Argument>, nearly: fc.Arbitrary<Argument>) =>
  fc.oneof({ weight: 2, arbitrary: right }, nearly)

const sql = mostly(
  oneOf(
    INSERT,
    call => `${INSERT(call)} RETURNING n`,
    () => 'SELECT n, ? AS a, :b AS b FROM log',
    () => 'SELECT x FROM nothing',
    () =>
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 3000) SELECT n, x'00', 'é' FROM c",
    call => `${INSERT(call)}; ${INSERT(call)}`,
    () => 'BEGIN',
    () => 'PRAGMA user_version',
    () => '',
    () => '-- nothing'
  ),
  mixed(['sql', 'params', 'timeout', 'signal', 'raw', 'integers'], { sql: INSERT })
)
const value = mostly(
  oneOf(
    () => 1,
    () => 'a',
    () => [1, 'a', null],
    () => ({ a: 1, ':b': 2n }),
    () => Buffer.from([1])
  ),
  mixed(['a', 'b', ':b', '$a'], {})
)
const wait = mostly(
  oneOf(
    () => 5,
    () => undefined,
    () => ({ timeout: 0 }),
    () => ({ signal: AbortSignal.abort(new CallersError('a reason')) }),
    () => ({ signal: AbortSignal.timeout(1) })
  ),
  mixed(['timeout', 'signal', 'table'], {})
)
const fn = oneOf(
  () => () => 1,
  () => async () => setImmediate(),
  () => throws,
  () => async () => throws(),
  () => thenable,
  call => async (tx: any) => {
    await tx?.run(INSERT(call))
    throws()
  },
  call => (tx: any) => tx?.run(INSERT(call))
)
const items = fc
  .array(fc.oneof(sql, anything), { maxLength: 3 })
  .map(list => argument(fc.stringify(list), call => [INSERT(call), ...list.map(item => item.make(call))]))
const migrations = mixed(['id', 'up'], { id: () => '1', up: INSERT }).map(migration =>
  argument(`[${migration[fc.toStringMethod]()}]`, call => [migration.make(call)])
)
const integer = oneOf(
  () => 1,
  () => 2n ** 40n
)
const flag = oneOf(
  () => true,
  () => false
)

/** Its name, and what its arguments should be. */
type Method = [string, ...fc.Arbitrary<Argument>[]]

const QUERYABLE: Method[] = [
  ...['run', 'exec', 'get', 'all', 'iterate', 'getAsync', 'allAsync', 'iterateAsync', 'execute'].map(
    name => [name, sql, value, value] as Method
  ),
  ['prepare', sql],
  ['batch', items, wait]
]
/** By what they are methods of. */
const METHODS: Record<string, Method[]> = {
  DB: [
    ...QUERYABLE,
    ['createRecord', value, integer],
    ['updateRecord', integer, integer],
    ['getRecord', integer],
    ['getAllRecords'],
    ['getRecordAsync', integer],
    ['getAllRecordsAsync'],
    ['withWriteLock', fn, wait],
    ['transaction', fn, wait],
    ['begin', wait],
    ['pragma', sql, mixed(['simple'], {})],
    ['migrate', migrations, wait],
    ['checkpoint', oneOf(() => 'FULL'), wait],
    [
      'backup',
      oneOf(() => 'copy.db'),
      mixed(['progress', 'pagesPerStep', 'signal'], { progress: () => () => 1 })
    ],
    ['lockStatus'],
    ['stats'],
    ['close', mixed(['timeout'], {})]
  ],
  Transaction: [...QUERYABLE, ['savepoint', fn], ['begin'], ['commit'], ['rollback']],
  Statement: [
    ...['run', 'get', 'all', 'iterate', 'getAsync', 'allAsync', 'iterateAsync'].map(
      name => [name, value, value] as Method
    ),
    ['pluck', flag],
    ['raw', flag],
    ['integers', oneOf(() => 'bigint')],
    ['columns']
  ],
  WriteLocker: [
    ['acquire', wait],
    ['tryAcquire'],
    ['unlock'],
    ['release'],
    ['withLock', fn, wait],
    ['status']
  ],
  LockGuard: [['release']],
  constructors: [
    [
      'DB',
      oneOf(() => 'other.db'),
      mixed(['readonly', 'timeout', 'integers', 'readers', 'maxQueue', 'lock'], {})
    ],
    ['WriteLocker', oneOf(() => '.'), mixed(['label', 'mode', 'longHoldMs'], {})]
  ]
}
/** Those that give what they give at once; the others give a promise or an async iterator, and never throw. */
export const SYNCHRONOUS =
  /^(get|all|iterate|prepare|getRecord|getAllRecords|pragma|stats|raw|pluck|integers|columns|DB|WriteLocker)$/

export interface Call {
  of: string
  method: string
  args: Argument[]
}
const methodOf = fc.oneof(
  ...Object.entries(METHODS).map(([of, methods]) => ({
    weight: methods.length,
    arbitrary: fc.constantFrom(...methods).map(method => [of, method] as const)
  }))
)
export const call: fc.Arbitrary<Call> = methodOf.chain(([of, [method, ...expected]]) => {
  const args = expected.map(right => fc.oneof({ weight: 3, arbitrary: right }, anything))
  const further = fc.array(anything, { maxLength: 1 })
  const missing = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 2 }))
  return fc.tuple(fc.tuple(...args), further, missing).map(([given, more, missing]) => ({
    of,
    method,
    args: missing > 0 ? given.slice(0, -missing) : [...given, ...more]
  }))
})
