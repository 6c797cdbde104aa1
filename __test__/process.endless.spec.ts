/**
 * The end of a process or a thread while a statement runs that never ends: it was waited for, and so for ever. Each test fails by
 * not coming to its end.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { prelude, run, runScript } from './helpers/child.ts'
import { hasSql, stayIn } from './helpers/sqlite.ts'
import { ENDLESS, ENDLESS_INSERT, values, withTable } from './helpers/table.ts'
import { lockSize, openLocker, tmpDir } from './helpers/tmp.ts'

const SELECT = JSON.stringify(ENDLESS)
const INSERT = JSON.stringify(ENDLESS_INSERT)

const CALLS: Record<string, string> = {
  'getAsync()': `db.getAsync(${SELECT})`,
  'many allAsync()': `for (let n = 0; n < 20; n++) db.allAsync(${SELECT}).catch(() => {})`,
  'iterateAsync()': `db.iterateAsync(${SELECT}).next()`,
  'run()': `db.run(${INSERT})`,
  'many run()': `for (let n = 0; n < 20; n++) db.run({ sql: ${INSERT}, signal: new AbortController().signal }).catch(() => {})`,
  'batch()': `db.batch(['DELETE FROM t', ${INSERT}])`,
  'exec()': `db.exec('INSERT INTO t VALUES (1);' + ${INSERT})`,
  'transaction()': `db.transaction(async tx => { await tx.run('INSERT INTO t VALUES (1)'); await tx.run(${INSERT}) })`,
  'withWriteLock()': `db.withWriteLock(() => db.run(${INSERT}))`,
  'a read in transaction()': `db.transaction(async tx => { await tx.run('INSERT INTO t VALUES (1)'); await tx.allAsync(${SELECT}) })`
}

const opened = `const db = new DB(dir + '/app.db', { timeout: 20000, busyTimeout: 2 ** 31 - 1 });`
/** Nothing tells when a read has begun. */
const later = (end: string) => `setTimeout(() => { ${end} }, 40);`
/** The script in a thread, which tells when it is under way. */
const inThread = (dir: string, script: string, end: string) => {
  const program = `${prelude(dir)} const { parentPort } = require('node:worker_threads'); ${opened} ${script}; ${later("parentPort.postMessage('there')")}`
  return `const { Worker } = require('node:worker_threads');
    const worker = new Worker(${JSON.stringify(program)}, { eval: true });
    worker.on('message', async () => { ${end} });`
}

for (const [name, call] of Object.entries(CALLS)) {
  test(`process.exit() interrupts ${name}, and nothing of it is left`, async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir)
    const { code, stderr } = await runScript(t, dir, `${opened} ${call}; ${later('process.exit(3)')}`)
    t.is(code, 3, stderr)
    t.deepEqual(values(db), [])
    t.truthy(await openLocker(t, dir).tryAcquire())
  })

  test(`worker.terminate() interrupts ${name}, and nothing of it is left`, async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir)
    const end = `await worker.terminate();
      const guard = await new WriteLocker(dir).acquire({ timeout: Infinity });
      await guard.release();
      process.exitCode = 3`
    const { code, stderr } = await runScript(t, dir, inThread(dir, call, end))
    t.is(code, 3, stderr)
    t.deepEqual(values(db), [])
    t.is(lockSize(dir), 0)
  })
}

const ENDS: Record<string, [string, number]> = {
  'an uncaught exception': [later(`throw new Error('uncaught')`), 1],
  'a rejection that nobody handles': [later(`Promise.reject(new Error('unhandled'))`), 1]
}

for (const [name, [end, expected]] of Object.entries(ENDS)) {
  test(`${name} ends a process in which a statement runs`, async t => {
    const dir = tmpDir(t)
    await withTable(t, dir)
    const { code, stderr } = await runScript(
      t,
      dir,
      `${opened} db.getAsync(${SELECT}).catch(() => {}); ${end}`
    )
    t.is(code, expected, stderr)
  })
}

test('a thread ends itself by process.exit() and by an exception while a statement runs', async t => {
  const dir = tmpDir(t)
  await withTable(t, dir)
  for (const end of ['process.exit(3)', `throw new Error('uncaught')`]) {
    const script = `${CALLS['getAsync()']}.catch(() => {}); ${later(end)}`
    const { code, stderr, stdout } = await runScript(
      t,
      dir,
      `${inThread(dir, script, '')} worker.on('error', () => {}); worker.on('exit', code => console.log(code))`
    )
    t.is(code, 0, stderr)
    t.regex(stdout, /^[13]\n$/)
  }
})

test('process.exit() of the main thread ends threads in which statements run', async t => {
  const dir = tmpDir(t)
  await withTable(t, dir)
  const { code, stderr } = await runScript(t, dir, inThread(dir, CALLS['getAsync()']!, 'process.exit(3)'))
  t.is(code, 3, stderr)
})

test('a thread that ends by itself, and SIGTERM, need no interrupt', async t => {
  const dir = tmpDir(t)
  await withTable(t, dir)
  const { code } = await runScript(
    t,
    dir,
    inThread(dir, 'db.close()', '') + `worker.on('exit', () => console.log('x'))`
  )
  t.is(code, 0)
  const child = spawn(process.execPath, [
    '-e',
    `${prelude(dir)} ${opened} ${CALLS['getAsync()']}; ${later('console.log(1)')}`
  ])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  t.deepEqual(await once(child, 'exit'), [null, 'SIGTERM'])
})

test('a worker of a cluster that is disconnected while a statement runs can exit', async t => {
  const dir = tmpDir(t)
  await withTable(t, dir)
  const program = `${prelude(dir)}
    const cluster = require('node:cluster');
    if (cluster.isPrimary) {
      const worker = cluster.fork();
      worker.on('message', () => worker.disconnect());
      worker.on('exit', code => process.exit(code));
    } else {
      ${opened} ${CALLS['getAsync()']};
      process.on('disconnect', () => process.exit(3));
      ${later('process.send(1)')}
    }`
  const file = join(dir, 'cluster.cjs')
  writeFileSync(file, program)
  const { code, stderr } = await run(t, process.execPath, [file])
  t.is(code, 3, stderr)
})

if (hasSql) {
  test('an end does not wait for a program that ignores the lock', async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir)
    await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
    const call = `db.transaction(tx => tx.run('INSERT INTO t VALUES (1)')).catch(() => {})`
    const exited = await runScript(t, dir, `${opened} ${call}; ${later('process.exit(3)')}`)
    t.is(exited.code, 3, exited.stderr)
    const terminated = await runScript(
      t,
      dir,
      inThread(dir, call, 'await worker.terminate(); process.exitCode = 3')
    )
    t.is(terminated.code, 3, terminated.stderr)
    t.is(lockSize(dir), 0)
  })
}
