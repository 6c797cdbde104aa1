/** The programs of docs/recipes.md, as they stand there. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { blocksOf, projectOf, read, root } from './helpers/blocks.ts'
import { run } from './helpers/child.ts'
import { Running } from './helpers/cli.ts'
import { isThere } from './helpers/there.ts'
import { openDb, openLocker } from './helpers/tmp.ts'

const blocks = blocksOf('docs/recipes.md')
const block = (name: string) => blocks.find(block => block.name === name)?.text as string
const project = (t: ExecutionContext, ...names: string[]) =>
  projectOf(t, Object.fromEntries(names.map(name => [name, block(name)])))
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const data = (dir: string) => join(dir, 'data')

const testWithFramework = isThere(
  existsSync(join(root, '__test__/frameworks/node_modules')),
  'express and fastify are not installed: npm ci --prefix __test__/frameworks'
)
  ? test
  : test.skip

for (const name of ['fastify.mjs', 'express.mjs']) {
  testWithFramework(`${name}: what is answered is in the file, and a lock that is taken is 503`, async t => {
    const dir = project(t, name)
    const env = { ...process.env, PORT: '0' }
    const server = new Running(t, process.execPath, [name], { cwd: dir, env })
    const url = await server.line()
    const headers = { 'content-type': 'application/json', connection: 'close' }
    const post = (text: string) =>
      fetch(`${url}/notes`, { method: 'POST', headers, body: JSON.stringify({ text }) })
    const { id: first } = (await (await post('the first')).json()) as { id: number }
    t.deepEqual(await (await fetch(`${url}/notes/${first}`, { headers })).json(), {
      id: first,
      text: 'the first'
    })
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => post(`note ${n}`)))
    const ids = await Promise.all(answers.map(async answer => ((await answer.json()) as { id: number }).id))
    t.true(answers.every(({ status }) => status === 201))
    t.is((await fetch(`${url}/notes/1000`, { headers })).status, 404)

    const lock = openLocker(t, data(dir))
    await lock.acquire(20_000)
    const refused = await post('one too many')
    t.is(refused.status, 503)
    t.is(refused.headers.get('retry-after'), '1')
    await lock.unlock()

    server.child.kill('SIGTERM')
    t.is(await server.ended(), 0, server.stderr)
    const rows = openDb(t, data(dir)).all<{ id: number }>('SELECT id FROM notes ORDER BY id')
    t.deepEqual(
      rows.map(({ id }) => id),
      [first, ...ids].toSorted((a, b) => a - b)
    )
  })
}

test('server.mjs and ecosystem.config.cjs: a reload ends each instance with 0, and loses nothing', async t => {
  t.timeout(120_000, 'one after the other, eight processes start')
  const dir = project(t, 'server.mjs', 'ecosystem.config.cjs')
  const env = { ...process.env, PORT: '0' }
  const { code, stdout, stderr } = await run(t, process.execPath, [fixture('pm2.mjs')], { cwd: dir, env })
  t.is(code, 0, stderr)
  const { codes, answers, unanswered } = JSON.parse(stdout)
  t.deepEqual(codes, Array(8).fill(0))
  t.true(answers.length > 0)
  t.is(new Set(answers).size, answers.length)
  const ids = new Set(
    openDb(t, data(dir))
      .getAllRecords()
      .map(({ id }) => id)
  )
  t.true(answers.every((id: number) => ids.has(id)))
  t.true(ids.size <= answers.length + unanswered)
  t.log(`${answers.length} answers, ${unanswered} requests without one`)
})

test('main.mjs and preload.cjs: windows add notes, hear of them, and what is under way is written before the end', async t => {
  const dir = projectOf(t, {
    'main.mjs': block('main.mjs'),
    'preload.cjs': block('preload.cjs'),
    'node_modules/electron/index.js': readFileSync(fixture('electron.cjs'), 'utf8')
  })
  const { code, stdout, stderr } = await run(t, process.execPath, ['main.mjs'], { cwd: dir })
  t.is(code, 0, stderr)
  t.is(stderr, '')
  const { ids, changed, all } = JSON.parse(stdout)
  t.is(new Set(ids).size, 50)
  t.deepEqual(changed, ids)
  t.is(all.length, 50)
  const userData = join(data(dir), 'userData')
  t.false(existsSync(join(userData, 'app.db-wal')), 'it was closed')
  const last = openDb(t, userData).get('SELECT text FROM notes ORDER BY id DESC')
  t.is(last?.text, 'a note that is under way')
})

test('worker.mjs: workers of two processes do each job once, those that are added later too', async t => {
  const dir = project(t, 'worker.mjs')
  const db = openDb(t, data(dir))
  await db.exec(
    'CREATE TABLE jobs (id INTEGER PRIMARY KEY, task, taken_until DEFAULT 0, result, done DEFAULT 0)'
  )
  await db.exec(
    'CREATE TRIGGER once AFTER UPDATE OF result ON jobs BEGIN UPDATE jobs SET done = done + 1 WHERE id = new.id; END'
  )
  const script = `import('./worker.mjs').then(({ work }) => work(${JSON.stringify(db.dbPath)}, task => task * 2))`
  const workers = [1, 2].map(() => new Running(t, process.execPath, ['-e', script], { cwd: dir }))
  for (let task = 0; task < 40; task++) {
    await db.run('INSERT INTO jobs (task) VALUES (?)', task)
    if (task % 10 === 0)
      for await (const [{ n }] of db.watch<any>('SELECT count(*) AS n FROM jobs WHERE result IS NULL'))
        if (n === 0) break
  }
  for await (const [{ n }] of db.watch<any>(
    'SELECT count(*) AS n FROM jobs WHERE result = task * 2 AND done = 1'
  ))
    if (n === 40) break
  for (const worker of workers) t.is(worker.stderr, '')
})

test('nightly.mjs: removes what is old beside a server that writes, copies the rest, and runs once at a time', async t => {
  const dir = project(t, 'nightly.mjs')
  const db = openDb(t, data(dir), { timeout: 20_000 })
  await db.createRecord('first', 0)
  await db.run(`INSERT INTO records (name, value) SELECT 'old', 1 FROM json_each('[${Array(2000).fill(0)}]')`)
  const stop = new AbortController()
  const serving = (async () => {
    const ids = []
    while (!stop.signal.aborted || ids.length === 0) ids.push(await db.createRecord('new', Date.now()))
    return ids
  })()
  const nightly = () => run(t, process.execPath, ['nightly.mjs'], { cwd: dir })
  const { code, stderr } = await nightly()
  stop.abort()
  const ids = await serving
  t.is(code, 0, stderr)
  t.deepEqual(
    db.getAllRecords().map(({ id }) => id),
    ids
  )
  t.true(existsSync(join(data(dir), 'nightly', 'app.db')))

  const job = await openLocker(t, join(data(dir), 'nightly')).acquire()
  const second = await nightly()
  t.is(second.code, 1)
  t.true(second.stderr.includes('the job of yesterday still runs'))
  await job.release()
})

test('db.mjs and next.config.mjs: processes that import the module at once, and again, have one DB each', async t => {
  const dir = project(t, 'db.mjs', 'next.config.mjs')
  const page = `
    const { db } = await import('./db.mjs')
    const again = await import('./db.mjs?reloaded')
    if (again.db !== db) throw new Error('a second DB')
    await db.run('INSERT INTO notes (text) VALUES (?)', String(process.pid))`
  const args = ['--input-type=module', '-e', page]
  const pages = await Promise.all(
    Array.from({ length: 5 }, () => run(t, process.execPath, args, { cwd: dir }))
  )
  for (const { code, stderr } of pages) t.is(code, 0, stderr)
  t.is(openDb(t, data(dir)).all('SELECT DISTINCT text FROM notes').length, 5)
  const { default: config } = await import(pathToFileURL(join(dir, 'next.config.mjs')).href)
  t.deepEqual(config, { serverExternalPackages: [JSON.parse(read('package.json')).name] })
})
