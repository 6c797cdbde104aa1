/** Calls that a container, an old kernel or a file system refuses, and that are no reason for an error. */
import { chmodSync, chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { has, prelude, run } from './helpers/child.ts'
import { PROGRAM } from './helpers/cli.ts'
import { strace } from './helpers/strace.ts'
import { lockFile, openDb, tmpDir } from './helpers/tmp.ts'

const isRoot = process.getuid?.() === 0

/** A user that is not us. */
const OTHER = 65_534

/** A database with a record, which the group may write. As root, it belongs to another user. */
async function database(t: ExecutionContext): Promise<string> {
  const dir = tmpDir(t)
  const db = openDb(t, join(dir, 'made'))
  await db.createRecord('first', 1)
  // The copy has no lock file beside it.
  await db.backup(join(dir, 'app.db'))
  await db.close()
  chmodSync(join(dir, 'app.db'), 0o660)
  if (isRoot) chownSync(join(dir, 'app.db'), OTHER, OTHER)
  return dir
}

/** Each way to make a lock file or a backup. */
const CALLS = {
  'db.run()': `db.run("INSERT INTO records (name, value) VALUES ('x', 2)")`,
  'db.createRecord()': `db.createRecord('x', 2)`,
  'db.batch()': `db.batch(["INSERT INTO records (name, value) VALUES ('x', 2)"])`,
  'db.transaction()': `db.transaction(tx => tx.run("INSERT INTO records (name, value) VALUES ('x', 2)"))`,
  'db.withWriteLock()': `db.withWriteLock(() => db.createRecord('x', 2))`,
  "db.checkpoint('FULL')": `db.checkpoint('FULL')`,
  'locker.acquire()': `locker.acquire()`,
  'locker.tryAcquire()': `locker.tryAcquire().then(guard => { if (!guard) throw new Error('taken') })`,
  'locker.withLock()': `locker.withLock(() => {})`,
  'db.backup()': `db.backup(dir + '/copy.db')`
}
const MAKES_COPY = 'db.backup()'

const script = (call: string) => `
  const db = new DB(dir + '/app.db'), locker = new WriteLocker(dir, { mode: 0o660 });
  (async () => {
    await ${call};
    await locker.unlock();
    await db.close();
    const copy = new DB(dir + '/app.db', { readonly: true });
    console.log('done', copy.getRecord(1).name);
    await copy.close();
  })()`

if (has('strace')) {
  for (const [name, call] of Object.entries(CALLS)) {
    const errnos = name === 'db.createRecord()' ? ['EPERM', 'EINVAL', 'ENOSYS'] : ['EPERM']
    for (const errno of errnos) {
      test(`${name} does without the owner and the permission bits of a new file (${errno})`, async t => {
        const dir = await database(t)
        const options = ['-e', 'trace=fchown,fchmod', '-e', `inject=fchown,fchmod:error=${errno}`]
        const { stdout, stderr, lines } = await strace(t, dir, options, script(call))
        t.is(stdout, 'done first\n', stderr)
        const made = join(dir, name === MAKES_COPY ? 'copy.db.sqlock-' : 'db.lock')
        const refused = lines.filter(line => line.includes(made) && line.includes('INJECTED'))
        // A WriteLocker knows no database whose owner its lock file could get.
        t.is(refused.length, isRoot && !name.startsWith('locker') ? 2 : 1, lines.join('\n'))
      })
    }
  }

  /** Linux before 4.11 has no statx(2); Docker before 18.04 refuses it with EPERM. */
  for (const errno of ['ENOSYS', 'EPERM', 'EOPNOTSUPP']) {
    test(`without statx(2), ${errno}, everything works and status() tells who holds the lock`, async t => {
      const dir = tmpDir(t)
      const { stdout, stderr, lines } = await strace(
        t,
        dir,
        ['-e', 'trace=statx', '-e', `inject=statx:error=${errno}`],
        `const db = new DB(dir + '/app.db'), locker = new WriteLocker(dir);
         (async () => {
           const seen = [await locker.status()];
           await db.createRecord('first', 1);
           seen.push(await locker.status(), await db.lockStatus());
           await locker.acquire();
           seen.push(await locker.status(), await db.lockStatus());
           await locker.unlock();
           seen.push(await locker.status());
           await db.transaction(tx => tx.run('CREATE TABLE t (a)'));
           await db.checkpoint('FULL');
           await db.backup(dir + '/copy.db');
           const copy = new DB(dir + '/copy.db', { readonly: true });
           const { name } = copy.getRecord(1);
           await copy.close();
           await db.close();
           const said = seen.map(({ locked, holder }) => locked ? holder.pid === process.pid : 'free');
           console.log(JSON.stringify([name, ...said]));
         })()`
      )
      t.is(stdout, '["first","free","free","free",true,true,"free"]\n', stderr)
      t.true(lines.some(line => line.includes('INJECTED')))
    })
  }
}

const withoutChown = (t: ExecutionContext, ...args: string[]) =>
  run(t, 'setpriv', ['--bounding-set=-chown', '--inh-caps=-chown', process.execPath, ...args])

if (isRoot && has('setpriv')) {
  for (const [name, call] of Object.entries(CALLS)) {
    test(`${name} works for root without CAP_CHOWN beside a database of somebody else`, async t => {
      const dir = await database(t)
      const { code, stdout, stderr } = await withoutChown(t, '-e', prelude(dir) + script(call))
      t.deepEqual([code, stdout], [0, 'done first\n'], stderr)
      const made = statSync(name === MAKES_COPY ? join(dir, 'copy.db') : lockFile(dir))
      t.deepEqual([made.uid, made.mode & 0o777], [0, 0o660])
    })
  }

  for (const [command, expected] of [
    ['exec', 'run\n'],
    ['backup', / pages are in /],
    ['checkpoint', /./]
  ] as const) {
    test(`sqlock ${command} works for root without CAP_CHOWN beside a database of somebody else`, async t => {
      const dir = await database(t)
      const file = join(dir, 'app.db')
      const args = {
        exec: [dir, '--', 'echo', 'run'],
        backup: [file, join(dir, 'copy.db')],
        checkpoint: ['--mode', 'full', file]
      }[command]
      const { code, stdout, stderr } = await withoutChown(t, PROGRAM, command, ...args)
      t.is(code, 0, stderr)
      if (typeof expected === 'string') t.is(stdout, expected)
      else t.regex(stdout, expected)
    })
  }
}
