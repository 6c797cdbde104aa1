/** I2: a rejected write leaves nothing behind, and a resolved one would have resolved alone. */
import test from 'ava'
import { rejection } from './helpers/block.ts'
import { openDb } from './helpers/tmp.ts'

/**
 * SQLite opens no statement journal for some statements that can still fail after their first row, and does not count what they
 * leave. Such rows used to be committed with the batch, also with a batch of one, although the write was rejected.
 */
const CASES: [string, string, string[], string][] = [
  [
    'of a wrong type for a STRICT table',
    'SQLITE_CONSTRAINT_DATATYPE',
    ['CREATE TABLE t (a INTEGER) STRICT'],
    `INSERT INTO t VALUES (1), ('x')`
  ],
  [
    'that makes triggers call triggers without end',
    'SQLITE_ERROR',
    [
      'CREATE TABLE t (a)',
      'CREATE TRIGGER again AFTER INSERT ON t BEGIN INSERT INTO t VALUES (1); END',
      'PRAGMA recursive_triggers = ON'
    ],
    'INSERT INTO t VALUES (1)'
  ]
]
for (const [what, code, schema, insert] of CASES) {
  test(`a write ${what} leaves nothing, alone, in a burst or in a transaction`, async t => {
    const db = openDb(t)
    for (const statement of schema) await db.run(statement)
    const refused = [await rejection(db.run(insert))]
    // The first one is a batch of its own, while which the others gather.
    const burst = [db.run('SELECT 1'), db.run('SELECT 2'), rejection(db.run(insert)), db.run('SELECT 3')]
    refused.push((await Promise.all(burst))[2])
    await db.transaction(async tx => refused.push(await rejection(tx.run(insert))))
    for (const error of refused) t.is(error.code, code)
    t.deepEqual(db.all('SELECT * FROM t'), [])
  })
}

/** The check of a deferred foreign key is that of the COMMIT, and used to be forgiven when a neighbour in the batch mended it. */
for (const mend of ['INSERT INTO parent VALUES (7)', 'DELETE FROM child']) {
  test(`a write that breaks a deferred foreign key is rejected, also when the next one mends it (${mend})`, async t => {
    const db = openDb(t)
    await db.exec(`CREATE TABLE parent (id INTEGER PRIMARY KEY);
      CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)`)
    const [, refused] = await Promise.all([
      db.run('SELECT 1'),
      rejection(db.run('INSERT INTO child VALUES (7)')),
      db.run(mend)
    ])
    t.is(refused.code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
    t.deepEqual(db.all('SELECT * FROM child'), [])
  })
}
