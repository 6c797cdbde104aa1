/** The tests of the dialect with the other versions of Kysely, in a Node that these run on. */
import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { run } from './helpers/child.ts'
import { libraries } from './helpers/libraries.ts'
import { runtimes } from './helpers/runtimes.ts'

const hook = new URL('fixtures/kysely-version.mjs', import.meta.url).href
const ava = fileURLToPath(new URL('../node_modules/ava/entrypoints/cli.mjs', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))
/** All but this one, and that which needs better-sqlite3, which is compiled for another Node. */
const specs = readdirSync(new URL('.', import.meta.url))
  .filter(name => /^kysely\.(?!versions|differential).*\.spec\.ts$/.test(name))
  .map(name => `__test__/${name}`)

// The oldest that has what the hook needs.
const node = runtimes().find(({ name }) => name === 'Node 22')
const others = libraries().filter(({ name, folder }) => name === 'kysely' && folder.includes('__test__'))

const eachOther = node && others.length > 0 ? test : test.skip
eachOther('the other versions of Kysely pass the tests of the dialect', async t => {
  t.timeout(300_000, 'these are all of them')
  for (const { version, folder } of others) {
    const env = { ...process.env, SQLOCK_KYSELY: basename(folder), NODE_OPTIONS: `--import=${hook}` }
    const { code, stdout, stderr } = await run(t, node!.command, [ava, '--tap', ...specs], { cwd: root, env })
    t.is(code, 0, stdout + stderr)
    t.regex(stdout, /^# pass [1-9]\d$/m)
    t.is(/^# skip [1-9]/m.test(stdout), version.startsWith('0.28'), 'those of signals')
  }
})
