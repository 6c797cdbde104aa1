/**
 * A second SQLite in the same process, on the same file: when it closes the file, the kernel drops the locks of the first, and
 * committed rows were seen to vanish. So a DB that meets one when it is opened says so, once.
 */
import { cpSync, existsSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { hasBetter } from './helpers/better.ts'
import { prelude, run } from './helpers/child.ts'
import { isThere } from './helpers/there.ts'
import { isWindows } from './helpers/system.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const root = realpathSync(fileURLToPath(new URL('..', import.meta.url)))
const betterSqlite3 = join(root, 'bench/node_modules/better-sqlite3')
const newerNode = join(root, '__test__/runtimes/node_modules/node24/bin/node')
const nodeWithSqlite = process.getBuiltinModule?.('node:sqlite') ? process.execPath : newerNode

const whether = (found: boolean, reason: string) => (isThere(found, reason) ? test : test.skip)
const withBetterSqlite3 = hasBetter() ? test : test.skip
const withNodeSqlite = whether(
  existsSync(nodeWithSqlite),
  `Node ${process.versions.node} has no node:sqlite, and no newer one is installed: npm ci --prefix __test__/runtimes`
)
const withDescriptors = whether(
  !isWindows && existsSync('/proc/self/fd'),
  'without /proc no descriptor is seen'
)

/** A database, and what a process that runs `script` is warned of. */
async function warningsOf(
  t: ExecutionContext,
  script: string,
  { made = true, node = process.execPath } = {}
): Promise<string[]> {
  const dir = tmpDir(t)
  if (made) await openDb(t, dir).createRecord('a', 1)
  const whole = `${prelude(dir)}
     const file = dir + '/app.db'
     const heard = []
     process.on('warning', ({ code, message }) => { if (code === 'SQLOCK_SECOND_SQLITE') heard.push(message) })
     process.on('exit', () => console.log(JSON.stringify(heard)))
     ;(async () => { ${script} })()`
  const { code, stdout, stderr } = await run(t, node, ['-e', whole])
  t.is(code, 0, stderr)
  return JSON.parse(stdout)
}

/** The directory of another copy of the package. */
function copyOfPackage(t: ExecutionContext): string {
  const dir = tmpDir(t)
  const addons = readdirSync(root).filter(name => name.endsWith('.node'))
  for (const part of ['index.js', 'binding.js', 'package.json', 'lib', ...addons]) {
    cpSync(join(root, part), join(dir, part), { recursive: true })
  }
  return dir
}

withBetterSqlite3('better-sqlite3 in the same process is warned of once', async t => {
  const warnings = await warningsOf(
    t,
    `const other = new (require(${JSON.stringify(betterSqlite3)}))(file)
     other.pragma('journal_mode')
     for (let n = 0; n < 2; n++) await new DB(file).close()
     other.close()`
  )
  t.is(warnings.length, 1)
  t.regex(warnings[0]!, /app\.db is open in this process already.*better-sqlite3/)
})

withNodeSqlite('node:sqlite in the same process is warned of', async t => {
  const warnings = await warningsOf(
    t,
    `const other = new (require('node:sqlite').DatabaseSync)(file)
     await new DB(file).close()
     other.close()`,
    { node: nodeWithSqlite }
  )
  t.is(warnings.length, 1)
})

withDescriptors('a file that is opened as a file is warned of, through a link too', async t => {
  const warnings = await warningsOf(
    t,
    `const { linkSync, openSync } = require('node:fs')
     linkSync(file, dir + '/link')
     openSync(dir + '/link')
     await new DB(file).close()`
  )
  t.is(warnings.length, 1)
})

withDescriptors('each file is warned of', async t => {
  const warnings = await warningsOf(
    t,
    `const { openSync } = require('node:fs')
     const files = [file, dir + '/other.db']
     for (const file of files) openSync(file, 'a')
     for (const file of files) await new DB(file).close()`
  )
  t.deepEqual(
    warnings.map(warning => warning.match(/\w+\.db/)?.[0]),
    ['app.db', 'other.db']
  )
})

test('a second copy of sqlock on the same file is warned of by its name, whichever opens it first', async t => {
  const copy = copyOfPackage(t)
  for (const order of ['[sqlock, copy]', '[copy, sqlock]']) {
    const warnings = await warningsOf(
      t,
      `const [sqlock, copy] = [{ DB }, require(${JSON.stringify(copy)})]
       const [first, second] = ${order}
       const one = new first.DB(file)
       const two = new second.DB(file)
       await two.close()
       await one.close()`
    )
    const expected = order === '[sqlock, copy]' ? root.replace(/\/$/, '') : copy
    t.is(warnings.length, 1)
    t.true(warnings[0]?.includes(`another copy of sqlock (${expected})`), warnings[0])
  }
})

test('a second copy of sqlock on another file is not warned of', async t => {
  const copy = copyOfPackage(t)
  const warnings = await warningsOf(
    t,
    `const other = new (require(${JSON.stringify(copy)}).DB)(dir + '/other.db')
     await new DB(file).close()
     await other.close()
     await new DB(dir + '/other.db').close()`
  )
  t.deepEqual(warnings, [])
})

withDescriptors('a second copy of sqlock in another thread is seen by its descriptors', async t => {
  const warnings = await warningsOf(
    t,
    `const { Worker } = require('node:worker_threads')
     const script = \`new (require(${JSON.stringify(copyOfPackage(t))}).DB)(\${JSON.stringify(file)})
       require('node:worker_threads').parentPort.on('message', () => process.exit()).postMessage('open')\`
     const worker = new Worker(script, { eval: true })
     await new Promise(resolve => worker.once('message', resolve))
     await new DB(file).close()
     worker.postMessage('end')`
  )
  t.is(warnings.length, 1)
})

test('DBs of one copy are no second SQLite, nor is what was closed', async t => {
  const warnings = await warningsOf(
    t,
    `for (let n = 0; n < 3; n++) {
       const [one, two] = [new DB(file), new DB(dir + '/../' + require('node:path').basename(dir) + '/app.db')]
       await one.createRecord('a', n)
       const rows = two.iterate('WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT n FROM n')
       rows.next()
       await two.allAsync('SELECT * FROM records')
       await Promise.all([one.close(), two.close()])
     }
     const open = new DB(file)
     await open.createRecord('a', 3)
     try { new DB(dir) } catch {}
     await open.close()
     await new DB(file).close()`
  )
  t.deepEqual(warnings, [])
})

for (const made of [true, false]) {
  test(`worker threads that open a file at once, ${made ? 'one that is there' : 'to be made'}, are no second SQLite`, async t => {
    const warnings = await warningsOf(
      t,
      `const { Worker } = require('node:worker_threads')
       const gate = new Int32Array(new SharedArrayBuffer(4))
       const script = \`
         const { parentPort, workerData } = require('node:worker_threads')
         const { DB } = require(${JSON.stringify(join(root, 'index.js'))})
         const heard = []
         process.on('warning', warning => heard.push(warning.message))
         parentPort.postMessage('ready')
         Atomics.wait(workerData.gate, 0, 0)
         ;(async () => {
           for (let n = 0; n < 5; n++) await new DB(workerData.file).close()
           setImmediate(() => parentPort.postMessage(heard))
         })()\`
       const workers = Array.from({ length: 4 }, () => new Worker(script, { eval: true, workerData: { file, gate } }))
       const said = () => Promise.all(workers.map(worker => new Promise(resolve => worker.once('message', resolve))))
       await said()
       const ends = said()
       Atomics.store(gate, 0, 1)
       Atomics.notify(gate, 0)
       heard.push(...(await ends).flat())`,
      { made }
    )
    t.deepEqual(warnings, [])
  })
}
