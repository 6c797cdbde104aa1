/** docs/migrating.md: its tables name every method there is, on both sides, and its steps lead from one project to the other. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { DB, WriteLocker } from '../index.js'
import { blocksOf, projectOf, read, root } from './helpers/blocks.ts'
import { hasBetter } from './helpers/better.ts'
import { run } from './helpers/child.ts'
import { isThere } from './helpers/there.ts'
import { openDb, openLocker } from './helpers/tmp.ts'

const DOCUMENT = 'docs/migrating.md'
const bench = join(root, 'bench')
const withRivals = hasBetter() ? test : test.skip
const steps = blocksOf(DOCUMENT).filter(({ language }) => language === 'diff')

const section = (title: string) => read(DOCUMENT).split(`\n## ${title}\n`)[1]?.split('\n## ')[0] as string

/** What is printed by a process that has loaded the library. */
const evaluate = (node: string, expression: string): string[] =>
  JSON.parse(execFileSync(node, ['-p', `JSON.stringify(${expression})`], { cwd: bench, encoding: 'utf8' }))

const methodsOf = (...classes: string[]) =>
  `[${classes}].flatMap(one => Object.getOwnPropertyNames(one.prototype ?? one)).filter(name => name !== 'constructor')`

function isComplete(t: ExecutionContext, title: string, names: string[]): void {
  t.true(names.length > 0)
  for (const name of names) t.regex(section(title), new RegExp(`\\b${name}\\(`), `${title}: ${name}`)
}

withRivals('every method of better-sqlite3 is in its table', t => {
  const statement = "Object.getPrototypeOf(new Database(':memory:').prepare('SELECT 1'))"
  const expression = `(Database => ${methodsOf('Database', statement)})(require('better-sqlite3'))`
  isComplete(t, 'better-sqlite3', evaluate(process.execPath, expression))
})

withRivals('every method of proper-lockfile and sqlite3 is in its table', t => {
  isComplete(t, 'proper-lockfile', evaluate(process.execPath, "Object.keys(require('proper-lockfile'))"))
  const types = readFileSync(join(bench, 'node_modules/sqlite3/lib/sqlite3.d.ts'), 'utf8')
  const classes = types.match(/class (Statement|Database) [\s\S]*?\n}/g)
  t.is(classes?.length, 2)
  const names = [...`${classes}`.matchAll(/^ {4}(\w+)[(<]/gm)].map(([, name]) => name as string)
  isComplete(
    t,
    'sqlite3',
    [...new Set(names)].filter(name => name !== 'constructor')
  )
})

const node24 = join(root, '__test__/runtimes/node_modules/node24/bin/node')
const withNode24 = isThere(existsSync(node24), 'Node 24 is not installed: npm ci --prefix __test__/runtimes')
  ? test
  : test.skip

withNode24('every method of node:sqlite is in its table', t => {
  const expression = `(({ DatabaseSync, StatementSync }) => ${methodsOf('DatabaseSync', 'StatementSync')})(require('node:sqlite'))`
  const names = evaluate(node24, expression)
  isComplete(
    t,
    'node:sqlite',
    names.filter(name => !/^(isOpen|isTransaction|sourceSQL|expandedSQL)$/.test(name))
  )
})

test('what the tables name of sqlock is there', async t => {
  const db = openDb(t)
  const locker = openLocker(t)
  const tx = await db.begin()
  const guard = await locker.acquire()
  const things: Record<string, object> = { db, tx, locker, guard, statement: db.prepare('SELECT 1') }
  const cells = [...read(DOCUMENT).matchAll(/^\| .* \| (.*) \|$/gm)].map(([, cell]) => cell).join('\n')
  const uses = [...cells.matchAll(/\b(db|tx|locker|guard|statement)\.(\w+)/g)]
  t.true(uses.length > 0)
  for (const [, thing = '', name = ''] of uses) t.true(name in (things[thing] as object), `${thing}.${name}`)
  t.true(db instanceof DB && locker instanceof WriteLocker)
  await tx.rollback()
})

const filesOf = (state: string) => {
  const folder = `examples/migrating/${state}`
  const names = readdirSync(join(root, folder))
  return Object.fromEntries(names.map(name => [name, read(`${folder}/${name}`)]))
}

async function runShop(t: ExecutionContext, dir: string): Promise<string> {
  const { code, stdout, stderr } = await run(t, process.execPath, ['index.mjs'], { cwd: dir })
  t.is(code, 0, stderr)
  t.is(stderr, '')
  return stdout
}

/** The project after so many steps. */
function shopAfter(t: ExecutionContext, count: number): string {
  const dir = projectOf(t, filesOf('before'))
  for (const { text } of steps.slice(0, count)) {
    writeFileSync(join(dir, 'step.diff'), text)
    execFileSync('git', ['apply', 'step.diff'], { cwd: dir })
  }
  rmSync(join(dir, 'step.diff'), { force: true })
  return dir
}

withRivals(
  'after each step the project prints the same, and after the last it is the one with sqlock',
  async t => {
    const before = await runShop(t, shopAfter(t, 0))
    t.is(before, "[ { name: 'tea', stock: 0, orders: 50 } ] refused: 10\n")
    t.true(steps.length > 0)
    for (const count of steps.keys()) t.is(await runShop(t, shopAfter(t, count + 1)), before)
    const last = shopAfter(t, steps.length)
    for (const [name, text] of Object.entries(filesOf('after')))
      t.is(readFileSync(join(last, name), 'utf8'), text)
  }
)

withRivals('processes of different steps run side by side', async t => {
  const shops = [...steps.keys()].map(count => shopAfter(t, count + 1))
  const data = join(shops[0] as string, 'data')
  for (const shop of shops.slice(1)) {
    rmSync(join(shop, 'data'), { recursive: true })
    symlinkSync(data, join(shop, 'data'))
  }
  await runShop(t, shops[0] as string)
  await Promise.all(shops.map(shop => runShop(t, shop)))
  const db = new DB(join(data, 'shop.db'))
  const sold =
    'SELECT stock, (SELECT count(*) FROM orders WHERE product = products.id) AS orders FROM products'
  const rows = db.prepare(sold).raw().all()
  t.is(rows.length, shops.length + 1)
  for (const row of rows) t.deepEqual(row, [0, 50])
  await db.close()
})
