/** The comparison with better-sqlite3 once more, on the newest Node, whose better-sqlite3 builds rows in another way. */
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { hasBetter } from './helpers/better.ts'
import { run } from './helpers/child.ts'
import { runtimes } from './helpers/runtimes.ts'

const NEWEST = 'better-sqlite3-13'
const root = fileURLToPath(new URL('..', import.meta.url))
const ava = fileURLToPath(new URL('../node_modules/ava/entrypoints/cli.mjs', import.meta.url))
const node = runtimes()
  .filter(({ name }) => name.startsWith('Node '))
  .toSorted((a, b) => Number(a.name.slice(5)) - Number(b.name.slice(5)))
  .at(-1)!

const testOrSkip = hasBetter(NEWEST) ? test : test.skip
testOrSkip(`on ${node.name}, all rows are what better-sqlite3 13 gives`, async t => {
  t.timeout(300_000, 'these are all comparisons')
  const env = { ...process.env, SQLOCK_BETTER_SQLITE3: NEWEST }
  const args = [ava, '--tap', '--timeout=4m', '__test__/db.differential.spec.ts']
  const { code, stdout, stderr } = await run(t, node.command, args, { cwd: root, env })
  t.is(code, 0, stdout + stderr)
  t.regex(stdout, /^# pass [1-9]\d$/m)
  t.notRegex(stdout, /^# skip [1-9]/m)
})
