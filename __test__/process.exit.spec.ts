/** The end of a process, at each step of its life: no crash, no leftover hold. */
import test from 'ava'
import { runScript } from './helpers/child.ts'
import { isWindows } from './helpers/system.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const STEPS: Record<string, string> = {
  'after the locker is made': `new WriteLocker(dir)`,
  'with an acquire under way': `new WriteLocker(dir).acquire()`,
  'while it holds': `await new WriteLocker(dir).acquire()`,
  'after the release': `await (await new WriteLocker(dir).acquire()).release()`,
  'after the database is opened': `new DB(dir + '/x.db')`,
  'with a write under way': `new DB(dir + '/x.db').createRecord('a', 1)`,
  'with 100 writes under way': `const db = new DB(dir + '/x.db'); for (let n = 0; n < 100; n++) db.createRecord('a', n)`,
  'in withWriteLock': `const db = new DB(dir + '/x.db'); await new Promise(r => db.withWriteLock(async () => { await db.createRecord('a', 1); r(); await new Promise(() => {}) }))`,
  'with a close under way': `const db = new DB(dir + '/x.db'); await db.createRecord('a', 1); db.close()`,
  'after close': `const db = new DB(dir + '/x.db'); await db.createRecord('a', 1); await db.close()`,
  'in a transaction': `const db = new DB(dir + '/x.db'); await new Promise(r => db.transaction(async tx => { await tx.run('CREATE TABLE t (a)'); r(); await new Promise(() => {}) }))`,
  'with a transaction of begin() open': `const tx = await new DB(dir + '/x.db').begin(); await tx.run('CREATE TABLE t (a)')`,
  'with a migration under way': `new DB(dir + '/x.db').migrate([{ id: 'a', up: 'CREATE TABLE t (a)' }])`,
  'with a checkpoint under way': `const db = new DB(dir + '/x.db'); await db.createRecord('a', 1); db.checkpoint('TRUNCATE')`,
  'with an iterator left open': `const db = new DB(dir + '/x.db'); await db.createRecord('a', 1); db.iterate('SELECT * FROM records').next()`,
  'with reads by workers under way': `const db = new DB(dir + '/x.db'); for (let n = 0; n < 20; n++) db.allAsync('SELECT 1'); db.iterateAsync('SELECT 1').next()`,
  'after a plain read': `new DB(dir + '/x.db').all('SELECT 1')`,
  'while it waits for itself': `await new WriteLocker(dir).acquire(); new WriteLocker(dir).acquire(Infinity).catch(() => {}); new DB(dir + '/x.db', { timeout: Infinity }).createRecord('a', 1)`
}

for (const [when, step] of Object.entries(STEPS)) {
  for (const end of ['process.exit(3)', 'process.kill(process.pid, "SIGTERM")']) {
    test(`${end} ${when}`, async t => {
      const dir = tmpDir(t)
      const { code, signal, stderr } = await runScript(t, dir, `(async () => { ${step}; ${end} })()`)
      // Windows knows no signals: it ends the process with this code.
      const killed = isWindows ? 1 : 'SIGTERM'
      t.is(code ?? signal, end.startsWith('process.exit') ? 3 : killed, stderr)
      t.true((await openLocker(t, dir).acquire(5000)).held)
    })
  }
}

test('process.exit() lets no queued write of the process through', async t => {
  const dir = tmpDir(t)
  await openDb(t, dir).createRecord('before', 1)
  const script = `
    const db = new DB(dir + '/app.db');
    new WriteLocker(dir).acquire().then(() => {
      for (let n = 0; n < 3; n++) db.createRecord('never', n);
      setTimeout(() => process.exit(0), 30)
    })`
  for (let n = 0; n < 8; n++) t.is((await runScript(t, dir, script)).code, 0)
  t.is(openDb(t, dir).getAllRecords().length, 1)
})

test('a script that ends by itself writes what it has asked for', async t => {
  const dir = tmpDir(t)
  const { code, stderr } = await runScript(
    t,
    dir,
    `const db = new DB(dir + '/app.db'); for (let n = 0; n < 20; n++) db.createRecord('a', n)`
  )
  t.is(code, 0, stderr)
  t.is(openDb(t, dir).getAllRecords().length, 20)
})
