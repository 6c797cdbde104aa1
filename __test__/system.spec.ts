/** What sqlock does to the system, seen by strace, and what it does when the system refuses. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { has, prelude, run } from './helpers/child.ts'
import { strace } from './helpers/strace.ts'
import { lockFile, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

if (has('strace')) {
  const WRITE_AND_READ = `
    const db = new DB(dir + '/app.db');
    (async () => {
      const id = await db.createRecord('a', 1);
      await db.updateRecord(id, 2);
      db.getRecord(id); db.getAllRecords(); db.pragma('integrity_check'); await db.lockStatus();
      await db.withWriteLock(() => db.createRecord('b', 2));
      await new WriteLocker(dir).withLock(() => db.createRecord('c', 3));
      console.log(JSON.stringify(db.getRecord(3)));
      require('fs').readFileSync(dir + '/../before-close', { flag: 'a+' });
      await db.close();
    })()`

  test('the database, -wal and -shm are opened by SQLite only, and not closed before the DB is', async t => {
    const dir = join(tmpDir(t), 'data')
    const { lines, stdout } = await strace(t, dir, ['-e', 'trace=open,openat,close,creat'], WRITE_AND_READ)
    t.is(stdout.trim(), '{"id":3,"name":"c","value":3}')
    const close = lines.findIndex(line => line.includes('before-close'))
    t.true(close > 0)
    const before = lines.slice(0, close)
    const opened = before.filter(line => /open.*app\.db/.test(line))
    const count = (suffix: string) => opened.filter(line => line.includes(`app.db${suffix}"`)).length
    // Two connections; the shared memory is mapped once for both.
    t.deepEqual([count(''), count('-wal'), count('-shm')], [2, 2, 1], opened.join('\n'))
    // https://www.sqlite.org/src/file/src/os_unix.c: it asks for each of these.
    for (const line of opened) t.true(line.includes('O_CLOEXEC') && line.includes('O_NOFOLLOW'), line)
    const closed = before.filter(line => /close\(\d+<[^>]*app\.db(-wal|-shm)?>/.test(line))
    t.deepEqual(closed, [])
  })

  test('nothing is written but db.lock, the database and what SQLite keeps beside it', async t => {
    const dir = join(tmpDir(t), 'data')
    const { lines } = await strace(t, dir, ['-e', 'trace=%file'], WRITE_AND_READ)
    const names = lines
      .filter(line => line.includes(`${dir}/`) && /O_CREAT|O_RDWR|O_WRONLY|unlink|rename/.test(line))
      .map(line => line.match(new RegExp(`${dir}/([^"]*)"`))?.[1])
    t.deepEqual([...new Set(names)].filter(name => !name?.includes('before-close')).toSorted(), [
      'app.db',
      'app.db-journal',
      'app.db-shm',
      'app.db-wal',
      'db.lock'
    ])
  })

  test('an interrupted flock is tried again', async t => {
    const dir = tmpDir(t)
    const inject = ['-e', 'trace=flock', '-e', 'inject=flock:error=EINTR:when=1..3']
    const { stdout, lines } = await strace(
      t,
      dir,
      inject,
      `new WriteLocker(dir).acquire().then(guard => console.log(guard.held))`
    )
    t.is(stdout.trim(), 'true')
    t.is(lines.filter(line => line.includes('EINTR')).length, 3)
  })

  test('a flock that fails otherwise is an error at once, and no timeout', async t => {
    const dir = tmpDir(t)
    const { stdout } = await strace(
      t,
      dir,
      ['-e', 'trace=flock', '-e', 'inject=flock:error=ENOLCK:when=1'],
      `const locker = new WriteLocker(dir);
       locker.acquire().catch(async error => {
         console.log(error.code, error.errno, error.syscall, error.cause.code, locker.held);
         console.log((await locker.acquire()).held);
       })`
    )
    t.is(stdout, 'ERR_SQLOCK_IO ENOLCK flock ENOLCK false\ntrue\n')
  })

  test('a thread that cannot be made is an error at once, and the next wait works', async t => {
    const dir = tmpDir(t)
    const script = `
      const locker = new WriteLocker(dir), other = new WriteLocker(dir);
      locker.acquire().then(async guard => {
        require('fs').existsSync(dir + '/from-here-on');
        console.log(await other.acquire(50).then(() => 'granted', error => [error.code, error.syscall, error.errno].join()));
        const next = other.acquire(Infinity);
        await guard.release();
        console.log((await next).held);
      })`
    const trace = ['-e', 'trace=clone,clone3,access,faccessat,faccessat2']
    const { lines } = await strace(t, dir, trace, script)
    const before = lines.slice(
      0,
      lines.findIndex(line => line.includes('from-here-on'))
    )
    const [main] = (before[0] as string).split(' ')
    const made = before.filter(line => line.startsWith(`${main} `) && /clone3?\(/.test(line)).length
    const call = before.some(line => line.includes('clone3(')) ? 'clone3' : 'clone'
    // The first two threads after that are the ones that wait and keep the time.
    for (const nth of [1, 2]) {
      const inject = [...trace, '-e', `inject=${call}:error=EAGAIN:when=${made + nth}`]
      const { stdout } = await strace(t, dir, inject, script)
      t.is(stdout, 'ERR_SQLOCK_IO,pthread_create,EAGAIN\ntrue\n')
    }
  })

  /** In each the process has to come to its end by itself. `step()` marks where no thread can be started any more. */
  const THREADLESS: [string, string, string][] = [
    [
      'checkpoint()',
      'ERR_SQLOCK_IO,pthread_create,EAGAIN',
      `step(); await tell(db.checkpoint()); await tell(db.checkpoint('FULL'));`
    ],
    ['changes()', 'ERR_SQLOCK_IO,pthread_create,EAGAIN', `step(); await tell(db.changes().next());`],
    ['backup()', 'ERR_SQLOCK_IO,pthread_create,EAGAIN', `step(); await tell(db.backup(dir + '/copy.db'));`],
    [
      'iterate()',
      'ERR_SQLOCK_IO,pthread_create,EAGAIN',
      `step(); await tell((async () => [...db.iterate('SELECT 1')])());`
    ],
    [
      'iterateAsync()',
      'ERR_SQLOCK_IO,pthread_create,EAGAIN',
      `step(); await tell(db.iterateAsync('SELECT 1').next());`
    ],
    [
      'a write under a hold while the pool is full',
      'ERR_SQLOCK_IO,pthread_create,EAGAIN',
      `await db.withWriteLock(async () => {
         const stuck = fs.promises.open(fifo, 'r');
         step();
         await tell(db.run('INSERT INTO t VALUES (1)'));
         fs.openSync(fifo, 'w');
         await stuck;
       });`
    ],
    [
      'a transaction while the pool is full',
      'ERR_SQLOCK_IO,pthread_create,EAGAIN',
      `const tx = await db.begin(), stuck = fs.promises.open(fifo, 'r');
       await tx.run('INSERT INTO t VALUES (1)').catch(() => {});
       step();
       await tell(tx.commit());
       fs.openSync(fifo, 'w');
       await stuck;`
    ],
    [
      'a write while somebody else holds the lock and the pool is full',
      'ERR_SQLOCK_IO,pthread_create,EAGAIN',
      `const guard = await new WriteLocker(dir).acquire(), stuck = fs.promises.open(fifo, 'r');
       step();
       await tell(db.run({ sql: 'INSERT INTO t VALUES (1)', timeout: 100 }));
       await guard.release();
       fs.openSync(fifo, 'w');
       await stuck;`
    ],
    [
      'withWriteLock() while somebody else holds the lock',
      'ERR_SQLOCK_IO,pthread_create,EAGAIN',
      `const guard = await new WriteLocker(dir).acquire();
       step();
       await tell(db.withWriteLock(() => {}, { timeout: 100 }));
       await guard.release();`
    ]
  ]
  for (const [what, expected, calls] of THREADLESS) {
    test(`without another thread ${what} is rejected, nothing is written, and the process ends`, async t => {
      const [dir, other] = [tmpDir(t), tmpDir(t)]
      spawnSync('mkfifo', [join(dir, 'fifo'), join(other, 'fifo')])
      const script = `
        const fs = require('fs'), fifo = dir + '/fifo', db = new DB(dir + '/app.db', { timeout: 60000 });
        const step = () => fs.existsSync(dir + '/from-here-on');
        const tell = promise => promise.then(
          () => console.log('resolved'),
          error => console.log([error.code, error.syscall, error.errno].join())
        );
        (async () => {
          await db.exec('CREATE TABLE t (a)');
          ${calls}
          await db.close();
        })()`
      const trace = ['-e', 'trace=clone,clone3,access,faccessat,faccessat2']
      const { lines } = await strace(t, dir, trace, script)
      const before = lines.slice(
        0,
        lines.findIndex(line => line.includes('from-here-on'))
      )
      const [main] = (before[0] as string).split(' ')
      const made = before.filter(line => line.startsWith(`${main} `) && /clone3?\(/.test(line)).length
      const call = before.some(line => line.includes('clone3(')) ? 'clone3' : 'clone'
      const inject = [...trace, '-e', `inject=${call}:error=EAGAIN:when=${made + 1}+`]
      const { stdout } = await strace(t, other, inject, script)
      for (const line of stdout.trim().split('\n')) t.is(line, expected)
      t.deepEqual(openDb(t, other).all('SELECT * FROM t'), [])
    })
  }

  test('a disk that is full when the holder text is written does not fail the hold', async t => {
    const dir = tmpDir(t)
    const { stdout, lines } = await strace(
      t,
      dir,
      ['-e', 'trace=pwrite64', '-P', join(dir, 'db.lock'), '-e', 'inject=pwrite64:error=ENOSPC:when=1'],
      `const fs = require('fs'), locker = new WriteLocker(dir), other = new WriteLocker(dir);
       locker.acquire().then(async guard => {
         const error = await other.acquire(0).catch(error => error);
         console.log(guard.held, JSON.stringify(fs.readFileSync(locker.lockPath, 'utf8')), error.holder);
         await guard.release();
         console.log((await other.acquire(0)).held);
       })`
    )
    t.true(lines.some(line => line.includes('ENOSPC')))
    t.is(stdout, 'true "" unknown\ntrue\n')
  })

  test('a write whose release fails is written, and a warning tells', async t => {
    const dir = tmpDir(t)
    const { stdout, stderr } = await strace(
      t,
      dir,
      ['-e', 'trace=ftruncate', '-P', join(dir, 'db.lock'), '-e', 'inject=ftruncate:error=EIO:when=1'],
      `const db = new DB(dir + '/app.db');
       db.createRecord('a', 1).then(async id => console.log(id, db.getRecord(id).name, (await db.lockStatus()).locked))`
    )
    t.is(stdout.trim(), '1 a false')
    t.true(stderr.includes('SQLOCK_RELEASE'), stderr)
    t.true(stderr.includes('EIO'))
  })

  test('a disk error of the database is a SqliteError, leaves the lock free and the next write works', async t => {
    const dir = tmpDir(t)
    const { stdout } = await strace(
      t,
      dir,
      ['-e', 'trace=pwrite64', '-P', join(dir, 'app.db-wal'), '-e', 'inject=pwrite64:error=EIO:when=20'],
      `const db = new DB(dir + '/app.db');
       (async () => {
         const failed = [];
         for (let n = 0; n < 30; n++) await db.createRecord('a', n).catch(error => failed.push(error.name + ' ' + error.code));
         console.log(failed.join(), db.getAllRecords().length, db.pragma('integrity_check', { simple: true }));
         console.log((await db.lockStatus()).locked);
       })()`
    )
    t.is(stdout, 'SqliteError SQLITE_IOERR_WRITE 29 ok\nfalse\n')
  })
}

if (process.getuid?.() === 0 && has('unshare')) {
  /** /proc/locks hides from a container the locks of those outside: status() used to call a held lock free. */
  test('status in a pid namespace of its own sees a holder outside', async t => {
    const dir = tmpDir(t)
    const guard = await openLocker(t, dir).acquire()
    const args = ['--pid', '--fork', '--mount-proc', process.execPath, '-e']
    const script = `${prelude(dir)} new WriteLocker(dir).status().then(status => console.log(status.locked))`
    t.is((await run(t, 'unshare', [...args, script])).stdout.trim(), 'true')
    await guard.release()
    t.is((await run(t, 'unshare', [...args, script])).stdout.trim(), 'false')
  })

  test('status without a /proc makes an attempt, and tells', async t => {
    const dir = tmpDir(t)
    const guard = await openLocker(t, dir).acquire()
    const script = `${prelude(dir)} new WriteLocker(dir).status().then(status => console.log(status.locked))`
    const args = [
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs none /proc && exec "$0" -e "$1"',
      process.execPath,
      script
    ]
    const held = await run(t, 'unshare', args)
    t.is(held.stdout.trim(), 'true', held.stderr)
    await guard.release()
    t.is((await run(t, 'unshare', args)).stdout.trim(), 'false')
  })

  test('a file system that may only be read is ERR_SQLOCK_IO, with the path', async t => {
    const dir = tmpDir(t)
    await openDb(t, dir).createRecord('a', 1)
    rmSync(lockFile(dir))
    const script = `${prelude(dir)}
      const tell = error => console.log(error.code, error.errno, error.path);
      new WriteLocker(dir).acquire().catch(tell).then(() => new DB(dir + '/app.db').createRecord('b', 2)).catch(tell)`
    const readOnly = `mount --bind ${dir} ${dir} && mount -o remount,bind,ro ${dir} && exec "$0" -e "$1"`
    const { stdout, stderr } = await run(t, 'unshare', [
      '--mount',
      'sh',
      '-c',
      readOnly,
      process.execPath,
      script
    ])
    const line = `ERR_SQLOCK_IO EROFS ${lockFile(dir)}\n`
    t.is(stdout, line + line, stderr)
  })
}
