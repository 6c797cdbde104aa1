/** The tests of an adapter with the other versions of its library, in a Node that these run on. */
import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { run } from './child.ts'
import { libraries } from './libraries.ts'
import { runtimes } from './runtimes.ts'

const hook = new URL('../fixtures/library-version.mjs', import.meta.url).href
const ava = fileURLToPath(new URL('../../node_modules/ava/entrypoints/cli.mjs', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

// The oldest that has what the hook needs.
const node = runtimes().find(({ name }) => name === 'Node 22')
const othersOf = (library: string) =>
  libraries().filter(({ name, folder }) => name === library && folder.includes('__test__'))

/** Are there others, and the Node for them? */
export const hasOthers = (library: string) => node !== undefined && othersOf(library).length > 0

/** @param lacks whether a version has not all that is tested, so that some tests are skipped */
export async function passWithOthers(
  t: ExecutionContext,
  library: string,
  lacks: (version: string) => boolean
): Promise<void> {
  t.timeout(300_000, 'these are all of them')
  // All but these, and that which needs better-sqlite3, which is compiled for another Node.
  const specs = readdirSync(new URL('..', import.meta.url))
    .filter(name => name.startsWith(`${library}.`) && !/\.(versions|differential)\.spec/.test(name))
    .map(name => `__test__/${name}`)
  for (const { version, folder } of othersOf(library)) {
    const env = {
      ...process.env,
      SQLOCK_LIBRARY: library,
      SQLOCK_VERSION: basename(folder),
      NODE_OPTIONS: `--import=${hook}`
    }
    const { code, stdout, stderr } = await run(t, node!.command, [ava, '--tap', ...specs], { cwd: root, env })
    t.is(code, 0, stdout + stderr)
    t.regex(stdout, /^# pass [1-9]\d$/m)
    t.is(/^# skip [1-9]/m.test(stdout), lacks(version), version)
  }
}
