/**
 * I2: writes that go together are not to be told from writes that go one after the other. Random ones, transactions and
 * savepoints among them, are issued with random concurrency and then replayed alone, each in a transaction of its own, by
 * another SQLite in another process; each promise and the tables at the end are compared.
 */
import { deepStrictEqual } from 'node:assert'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import fc from 'fast-check'
import { DB } from '../index.js'
import type { LockGuard } from '../index.js'
import { lasting } from './helpers/property.ts'
import type { Outcome, Statement, Step, Together, Write } from './helpers/replay.ts'
import { Replayer } from './helpers/replay.ts'
import { seedOf } from './helpers/seed.ts'
import { hasSql } from './helpers/sqlite.ts'
import { openLocker, tmpDir } from './helpers/tmp.ts'

/** `SQLOCK_RUNS=5000` looks for longer. */
const RUNS = Number(process.env.SQLOCK_RUNS ?? 250)
const MS_PER_RUN = 120

/** Values that make a trigger raise, before or after the row is there; n < 90 is a CHECK. */
const [ABORT, ROLLBACK, IGNORE, FAIL] = [60, 61, 62, 63]
const [BEFORE, AFTER] = [0, 10]

const TABLES = [
  `CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value INTEGER NOT NULL CHECK (value < 90))`,
  `CREATE TABLE item (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, n INTEGER CHECK (n < 90))`,
  `CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, item REFERENCES item (id) ON DELETE CASCADE)`,
  `CREATE TABLE pair (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID`,
  `CREATE TABLE log (what, id)`,
  `CREATE TABLE owner (id INTEGER PRIMARY KEY)`,
  `INSERT INTO owner VALUES (1)`,
  `CREATE TABLE owned (id INTEGER PRIMARY KEY, owner REFERENCES owner (id) DEFERRABLE INITIALLY DEFERRED)`,
  `CREATE TABLE typed (a INTEGER) STRICT`,
  `CREATE VIEW seen AS SELECT id, key FROM item`,
  `CREATE TRIGGER seen INSTEAD OF INSERT ON seen BEGIN INSERT INTO item VALUES (NEW.id, NEW.key, 1); END`,
  `CREATE TRIGGER logged AFTER DELETE ON item BEGIN INSERT INTO log VALUES ('delete', OLD.id); END`
]

/** Triggers that write, then raise what the value asks for. */
function triggers(raise: Record<number, string>): string[] {
  const tables = [
    ['records', 'value'],
    ['item', 'n']
  ]
  const times = [
    ['BEFORE', BEFORE],
    ['AFTER', AFTER]
  ] as const
  return tables.flatMap(([table, column]) =>
    times.flatMap(([time, plus]) =>
      ['INSERT', 'UPDATE'].map(event => {
        const cases = Object.entries(raise).map(
          ([value, kind]) => `WHEN ${Number(value) + plus} THEN RAISE(${kind})`
        )
        return `CREATE TRIGGER ${table}_${time}_${event} ${time} ${event} ON ${table} BEGIN
          INSERT INTO log VALUES ('${time} ${event}', NEW.id);
          SELECT CASE NEW.${column} ${cases.join(' ')} END;
        END`
      })
    )
  )
}

/** Where FAIL is in the schema, sqlock relies on nothing after an error; so there is one without. */
const WITHOUT_FAIL = [
  ...TABLES,
  ...triggers({ [ABORT]: `ABORT, 'a'`, [ROLLBACK]: `ROLLBACK, 'r'`, [IGNORE]: 'IGNORE' })
]
const WITH_FAIL = [
  ...TABLES,
  ...triggers({
    [ABORT]: `ABORT, 'a'`,
    [ROLLBACK]: `ROLLBACK, 'r'`,
    [IGNORE]: 'IGNORE',
    [FAIL]: `FAIL, 'f'`
  })
]

const id = fc.integer({ min: 1, max: 6 })
const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const n = fc.oneof(
  { weight: 4, arbitrary: id },
  fc.constantFrom(...[ABORT, ROLLBACK, IGNORE, FAIL].flatMap(kind => [kind + BEFORE, kind + AFTER]), 90)
)
const or = fc.constantFrom('', 'OR IGNORE', 'OR REPLACE', 'OR FAIL', 'OR ROLLBACK', 'OR ABORT')

const statement = (sql: string, ...params: Statement['params']): Statement => ({ sql, params })
const plain = (...texts: string[]) => fc.constantFrom(...texts).map(sql => statement(sql))

const items = fc.array(fc.tuple(id, fc.option(key, { freq: 10 }), n), { minLength: 1, maxLength: 3 })
const UPSERT = 'INSERT INTO item VALUES (?, ?, 1) ON CONFLICT (key) DO UPDATE SET n = excluded.n + 1'

const SQL: [number, fc.Arbitrary<Statement>][] = [
  [
    8,
    fc
      .tuple(or, items)
      .map(([or, rows]) =>
        statement(`INSERT ${or} INTO item VALUES ${rows.map(() => '(?, ?, ?)').join()}`, ...rows.flat())
      )
  ],
  [
    4,
    fc
      .tuple(or, key, id)
      .map(([or, ...values]) => statement(`UPDATE ${or} item SET key = ? WHERE id >= ?`, ...values))
  ],
  [
    4,
    fc
      .tuple(or, n, id)
      .map(([or, ...values]) => statement(`UPDATE ${or} item SET n = ? WHERE id >= ?`, ...values))
  ],
  [2, fc.tuple(or, id).map(([or, id]) => statement(`UPDATE ${or} item SET id = id + 1 WHERE id >= ?`, id))],
  [2, id.map(id => statement('DELETE FROM item WHERE id >= ? RETURNING key', id))],
  [2, fc.tuple(id, key).map(values => statement(UPSERT, ...values))],
  [2, fc.tuple(or, id).map(([or, id]) => statement(`INSERT ${or} INTO child (item) VALUES (?), (1)`, id))],
  [
    2,
    fc
      .tuple(or, id, id)
      .map(([or, ...ids]) => statement(`INSERT ${or} INTO pair VALUES (?, ?), (1, 1)`, ...ids))
  ],
  [1, fc.tuple(id, key).map(values => statement('INSERT INTO seen VALUES (?, ?)', ...values))],
  // Owner 2 is not there: a COMMIT that fails, also when the next write mends it.
  [
    2,
    plain(
      ...[1, 2].map(owner => `INSERT INTO owned (owner) VALUES (${owner})`),
      'INSERT OR IGNORE INTO owner VALUES (2)',
      'DELETE FROM owner WHERE id = 2',
      'DELETE FROM owned'
    )
  ],
  [2, plain(`INSERT INTO typed VALUES (1), ('x')`, 'INSERT INTO typed VALUES (2)')],
  [2, plain('CREATE TABLE extra (a UNIQUE)', 'DROP TABLE extra', 'INSERT INTO extra VALUES (1), (2)')],
  [1, plain('ALTER TABLE extra ADD COLUMN b DEFAULT 7', 'DROP TABLE records')],
  [1, plain('CREATE UNIQUE INDEX once ON log (what)', 'DROP INDEX IF EXISTS once')],
  [1, plain('DELETE FROM item', 'DELETE FROM log', 'DELETE FROM pair', 'SELECT id FROM item')],
  [1, plain('COMMIT', 'ROLLBACK', 'SAVEPOINT a', 'INSERT INTO nothing VALUES (1)', 'INSERT INTO')],
  [1, plain('DELETE FROM item WHERE id = ?', 'INSERT INTO log VALUES (?, ?)')],
  [1, id.map(id => statement(`PRAGMA user_version = ${id}`))],
  [1, plain('VACUUM')]
]

const oneOf = <T>(kinds: [number, fc.Arbitrary<T>][]) =>
  fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })))

/** What one call does. A further kind needs a line here, one in `perform` and one in fixtures/replay.py. */
function steps(sql: fc.Arbitrary<Statement>): [number, fc.Arbitrary<Step>][] {
  const writes: [number, fc.Arbitrary<Write>][] = [
    [3, fc.record({ do: fc.constant('createRecord'), name: key, value: n })],
    [1, fc.record({ do: fc.constant('updateRecord'), id, value: n })],
    [8, sql.map(statement => ({ do: 'run', ...statement }))],
    [1, fc.array(sql, { maxLength: 4 }).map(items => ({ do: 'batch', items }))]
  ]
  const several = fc.array(oneOf(writes), { maxLength: 5 })
  const savepoint = together(several)
  const nested = fc.array(oneOf<Write | Together>([...writes, [2, savepoint]]), { maxLength: 6 })
  return [...writes, [1, several.map(writes => ({ do: 'withWriteLock', writes }))], [2, together(nested)]]
}

function together(writes: fc.Arbitrary<Together['writes']>): fc.Arbitrary<Together> {
  const fails = fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true))
  return fc.record({ do: fc.constant('transaction'), writes, fails })
}

/** What is waited for before the next step is issued. */
const awaits = oneOf([
  [8, fc.constant('nothing')],
  [1, fc.constant('the event loop')],
  [1, fc.constant('all so far')]
])

/** Each sequence is of a few kinds only: what a few do to each other drowns among many. */
const sequence = fc
  .subarray(SQL, { minLength: 1, maxLength: 4 })
  .chain(kinds => fc.subarray(steps(oneOf(kinds)), { minLength: 1 }))
  .chain(kinds =>
    fc.array(fc.record({ step: oneOf(kinds), awaits }), { minLength: 1, maxLength: 60, size: 'max' })
  )

function perform(db: DB, step: Step): Promise<unknown> {
  switch (step.do) {
    case 'createRecord':
      return db.createRecord(step.name, step.value)
    case 'updateRecord':
      return db.updateRecord(step.id, step.value)
    case 'run':
      return db.run(step.sql, ...step.params)
    case 'batch':
      return db.batch(step.items)
    case 'withWriteLock':
      return db.withWriteLock(() => outcomesOf(db, step.writes))
    case 'transaction':
      return db.transaction(async () => {
        const outcomes = await outcomesOf(db, step.writes)
        if (step.fails) throw Object.assign(new Error('at its end'), { code: 'FAILS' })
        return outcomes
      })
  }
}

function outcomesOf(db: DB, steps: Step[]): Promise<Outcome[]> {
  return Promise.all(steps.map(step => outcomeOf(perform(db, step))))
}

function outcomeOf(promise: Promise<unknown>): Promise<Outcome> {
  return promise.then(
    value => ({ value: value ?? null }),
    error => ({ code: error.code ?? String(error), statementIndex: error.statementIndex ?? null })
  )
}

/** Issues the steps without waiting for more than they say. A hold of somebody else ends with the first of these waits. */
async function issue(
  db: DB,
  steps: { step: Step; awaits: string }[],
  hold: LockGuard | undefined
): Promise<Outcome[]> {
  const outcomes: Promise<Outcome>[] = []
  for (const { step, awaits } of steps) {
    outcomes.push(outcomeOf(perform(db, step)))
    if (awaits !== 'nothing') await hold?.release()
    if (awaits === 'the event loop') await setImmediate()
    if (awaits === 'all so far') await Promise.all(outcomes)
  }
  await hold?.release()
  return Promise.all(outcomes)
}

async function compare(t: ExecutionContext, schema: string[]): Promise<void> {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  const replayer = new Replayer(t)
  const seed = seedOf(t)
  let runs = 0
  const counts = new Map<string, number>()
  const comparison = lasting(async (steps: Parameters<typeof issue>[1], contended: boolean) => {
    const path = join(dir, `${runs++}.db`)
    const db = new DB(path, { timeout: 20_000 })
    await db.batch(schema)
    const outcomes = await issue(db, steps, contended ? await locker.acquire() : undefined)
    await db.close()
    const expected = await replayer.replay(
      schema,
      steps.map(({ step }) => step)
    )
    const seen = { outcomes, ...(await replayer.tables(path)) }
    for (const outcome of outcomes) {
      const what = 'code' in outcome ? outcome.code : 'resolved'
      counts.set(what, (counts.get(what) ?? 0) + 1)
    }
    deepStrictEqual(seen, expected)
    deepStrictEqual(seen.pragmas.integrity_check, [['ok']])
  })
  const property = fc.asyncProperty(sequence, fc.boolean(), comparison.check)
  // Making a failing sequence smaller ends in time to be told of it.
  await fc.assert(property, {
    seed,
    numRuns: RUNS,
    interruptAfterTimeLimit: RUNS * MS_PER_RUN,
    includeErrorInReport: true
  })
  await comparison.ended()
  t.log(runs, 'runs', Object.fromEntries(counts))
  t.true(counts.size > 10, 'there is something of everything')
}

const testOrSkip = hasSql ? test : test.skip
testOrSkip('random writes with random concurrency come out as if each had been alone', compare, WITHOUT_FAIL)
testOrSkip('they do so where the schema has FAIL in it, too', compare, WITH_FAIL)
