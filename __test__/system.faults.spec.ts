/** I2 where the disk fails in the middle of bursts: what is rejected is not in the file, and then things go on. */
import { join } from 'node:path'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { has, prelude, run } from './helpers/child.ts'
import { strace } from './helpers/strace.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

/**
 * `burst(bytes)` issues 64 writes at once and tells how many were rejected; `tell()` closes the database and prints what
 * came of each write, and what is found in the file.
 */
const BURSTS = `
  const path = dir + '/app.db', outcomes = {};
  let bursts = 0;
  const burst = async (db, bytes) => {
    const label = 'burst' + bursts++;
    let rejected = 0;
    await Promise.all(Array.from({ length: 64 }, async (_, n) => {
      const name = label + '-' + n;
      outcomes[name] = await db.createRecord(name + ' '.repeat(bytes), n).then(
        () => 'resolved',
        error => (rejected++, error.code ?? error.stack)
      );
    }));
    return rejected;
  };
  const tell = async db => {
    const seen = db.getAllRecords().map(row => row.name.trim());
    await db.close();
    const again = new DB(path);
    const found = again.getAllRecords().map(row => row.name.trim());
    const integrity = again.pragma('integrity_check', { simple: true });
    await again.close();
    console.log(JSON.stringify({ outcomes, seen, found, integrity }));
  };`

/** Compares what came of the writes with what is in the file. Gives how often each outcome was. */
function check(t: ExecutionContext, stdout: string, stderr: string): Record<string, number> {
  t.true(stdout.startsWith('{'), stderr + stdout)
  const { outcomes, seen, found, integrity } = JSON.parse(stdout)
  const resolved = Object.keys(outcomes).filter(name => outcomes[name] === 'resolved')
  t.deepEqual(found.toSorted(), resolved.toSorted(), 'what has resolved is there, and nothing else')
  t.deepEqual(seen, found)
  t.is(integrity, 'ok')
  const counts: Record<string, number> = {}
  for (const outcome of Object.values<string>(outcomes)) counts[outcome] = (counts[outcome] ?? 0) + 1
  t.log(counts)
  return counts
}

if (has('strace')) {
  /**
   * A COMMIT whose sync fails has put its frames into the WAL already. The write was rejected, but whoever recovered the file
   * after a crash found it.
   */
  test('a write that was rejected since it could not be synced is not in the file after the process has ended', async t => {
    const dir = tmpDir(t)
    const options = ['-e', 'trace=fsync,fdatasync', '-P', join(dir, 'app.db-wal')]
    const { stdout } = await strace(
      t,
      dir,
      [...options, '-e', 'inject=fsync,fdatasync:error=EIO:when=3+'],
      `const db = new DB(dir + '/app.db', { synchronous: 'FULL' });
       (async () => {
         await db.createRecord('written', 1);
         console.log(await db.createRecord('rejected', 2).catch(error => error.code));
         process.exit();
       })()`
    )
    t.is(stdout.trim(), 'SQLITE_IOERR_FSYNC')
    t.deepEqual(
      openDb(t, dir)
        .getAllRecords()
        .map(row => row.name),
      ['written']
    )
  })

  /** A system call that fails for a while, on the file with that ending; the code of what is rejected, if anything is. */
  const FAULTS: [string, string, string, string | undefined][] = [
    ['a full disk', '-wal', 'pwrite64:error=ENOSPC:when=1000..1600', 'SQLITE_FULL'],
    ['a full disk now and then', '-wal', 'pwrite64:error=ENOSPC:when=600..3000+13', 'SQLITE_FULL'],
    ['a disk that cannot be written to', '-wal', 'pwrite64:error=EIO:when=1000..1600', 'SQLITE_IOERR_WRITE'],
    ['a disk that cannot be synced', '-wal', 'fsync,fdatasync:error=EIO:when=3..20', 'SQLITE_IOERR_FSYNC'],
    ['a disk that fails in checkpoints', '', 'pwrite64,fsync,fdatasync:error=EIO', undefined],
    ['interrupted calls', '-wal', 'pwrite64,pread64,ftruncate,openat:error=EINTR:when=1+2', undefined]
  ]
  for (const [what, file, inject, code] of FAULTS) {
    test(`${what} in the middle of bursts (${inject}) rejects ${code ? `what is not written with ${code}` : 'nothing'}`, async t => {
      const dir = tmpDir(t)
      const db = openDb(t, dir)
      await db.run(
        'CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL)'
      )
      await db.close()
      const calls = inject.slice(0, inject.indexOf(':'))
      const options = ['-e', `trace=${calls}`, '-P', join(dir, `app.db${file}`), '-e', `inject=${inject}`]
      const script = `${BURSTS}
        (async () => {
          const db = new DB(path, { synchronous: 'FULL', timeout: 20000 });
          let failed = 0;
          for (let n = 0; n < 8; n++) failed += await burst(db, 10_000) > 0;
          // What is injected ends some time.
          while (failed && await burst(db, 0) > 0);
          await tell(db);
        })()`
      const { stdout, stderr, lines } = await strace(t, dir, options, script)
      t.true(lines.filter(line => line.includes('INJECTED')).length > 1)
      const { resolved, ...rejected } = check(t, stdout, stderr)
      t.deepEqual(Object.keys(rejected), code ? [code] : [])
      t.true((resolved as number) >= 64)
    })
  }
}

/** The bursts until one is refused, and when room is made until one is not. */
const FILL_UP = (makeRoom: string) => `${BURSTS}
  (async () => {
    const db = new DB(path, { timeout: 20000 });
    while (await burst(db, 1000) === 0);
    await burst(db, 1000);
    ${makeRoom}
    const last = await burst(db, 1000);
    await tell(db);
    if (last > 0) throw new Error('there was room');
  })()`

if (has('prlimit')) {
  test('a limit on the size of files that is reached in a burst rejects what is not written', async t => {
    const dir = tmpDir(t)
    const script = FILL_UP(`
      require('child_process').execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited']);`)
    const args = ['--fsize=2000000:unlimited', process.execPath, '-e', prelude(dir) + script]
    const { code, stdout, stderr } = await run(t, 'prlimit', args)
    t.is(code, 0, stderr)
    const { resolved, ...rejected } = check(t, stdout, stderr)
    t.deepEqual(Object.keys(rejected), ['SQLITE_IOERR_WRITE'])
    t.true((resolved as number) > 64)
  })
}

if (process.getuid?.() === 0 && has('unshare')) {
  test('a file system that is full in a burst rejects what is not written', async t => {
    const dir = tmpDir(t)
    const script = FILL_UP(`require('fs').rmSync(dir + '/filler');`)
    const shell = `mount -t tmpfs -o size=2m none ${dir} && head -c 500000 /dev/zero > ${dir}/filler && exec "$0" -e "$1"`
    const args = ['--mount', 'sh', '-c', shell, process.execPath, prelude(dir) + script]
    const { code, stdout, stderr } = await run(t, 'unshare', args)
    t.is(code, 0, stderr)
    const { resolved, ...rejected } = check(t, stdout, stderr)
    t.deepEqual(Object.keys(rejected), ['SQLITE_FULL'])
    t.true((resolved as number) > 64)
  })
}
