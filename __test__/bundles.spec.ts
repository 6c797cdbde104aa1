/** A program and sqlock in one file, as esbuild makes it. docs/recipes.md says what a bundler has to be told. */
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type BuildOptions, build } from 'esbuild'
import { sqliteVersion, version } from '../index.js'
import { blocksOf, projectOf, root } from './helpers/blocks.ts'
import { run } from './helpers/child.ts'

const addon = readdirSync(root).find(name => name.endsWith('.node')) as string

/** esbuild leaves `require('node:fs')` as it is, and an ES module has no `require`. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
const FORMATS = {
  esm: { extension: '.mjs', options: { format: 'esm', banner: { js: REQUIRE } } },
  cjs: { extension: '.cjs', options: { format: 'cjs' } }
} as const
type Format = keyof typeof FORMATS

const COPIED: BuildOptions = { loader: { '.node': 'copy' } }
// The program for Kysely looks for it in the versions that have it.
const KYSELY: BuildOptions = { ...COPIED, external: ['kysely/migration'] }
const EXTERNAL: BuildOptions = { external: ['*.node'] }

/** A directory in which sqlock is installed, and what there are adapters for. */
function appDir(t: ExecutionContext): string {
  const dir = projectOf(t, { 'app.mjs': PROGRAM })
  cpSync(join(root, '__test__', 'fixtures', 'installed'), dir, { recursive: true })
  for (const name of ['kysely', 'drizzle-orm'])
    symlinkSync(join(root, 'node_modules', name), join(dir, 'node_modules', name))
  mkdirSync(join(dir, 'dist'))
  return dir
}

/** Bundles a file into the folder `dist` of `dir`, under the same name. */
async function bundle(dir: string, format: Format, file: string, options: BuildOptions): Promise<string> {
  const { extension, options: ofFormat } = FORMATS[format]
  const output = join(dir, 'dist', file.replace(/\.\w+$/, extension))
  const common = { absWorkingDir: dir, bundle: true, platform: 'node', logLevel: 'silent' } as const
  await build({
    ...common,
    ...ofFormat,
    ...options,
    entryPoints: { [file.replace(/\.\w+$/, '')]: join(dir, file) },
    outdir: join(dir, 'dist'),
    outExtension: { '.js': extension }
  })
  return output
}

/** Runs what was bundled where nothing is installed. */
async function runBundle(t: ExecutionContext, dir: string, path: string, args: string[] = []) {
  rmSync(join(dir, 'node_modules'), { recursive: true, force: true })
  return run(t, process.execPath, [path, ...args], { cwd: dir })
}

const PROGRAM = `
  import { DB, LockTimeout, WriteLocker, version } from 'sqlock'
  async function main() {
    const db = new DB('data/app.db', { timeout: 0 })
    const id = await db.createRecord('written', 1)
    const held = await new WriteLocker('data').acquire()
    const error = await db.createRecord('refused', 2).catch(error => error)
    await held.release()
    console.log(JSON.stringify([db.getRecord(id), error instanceof LockTimeout, error.name, version]))
    await db.close()
  }
  main()`

for (const format of Object.keys(FORMATS) as Format[]) {
  for (const [how, options] of [
    ['with the addon that esbuild copies', COPIED],
    ['with an addon that is external and lies beside it', EXTERNAL],
    ['without spaces and with short names', { ...COPIED, minify: true }]
  ] as const) {
    test(`a bundle (${format}) ${how} writes and reads`, async t => {
      const dir = appDir(t)
      if (options === EXTERNAL) copyFileSync(join(root, addon), join(dir, 'dist', addon))
      const { code, stdout, stderr } = await runBundle(t, dir, await bundle(dir, format, 'app.mjs', options))
      t.deepEqual([code, stderr], [0, ''])
      t.deepEqual(JSON.parse(stdout), [{ id: 1, name: 'written', value: 1 }, true, 'LockTimeout', version])
    })
  }

  for (const name of ['kysely', 'drizzle-orm']) {
    test(`a bundle (${format}) with the adapter for ${name} writes and reads`, async t => {
      const dir = appDir(t)
      // What the program prints is looked at where it is not bundled.
      const expected = await run(t, process.execPath, [join(dir, `${name}.mjs`)], { cwd: dir })
      t.is(expected.code, 0, expected.stderr)
      for (const folder of ['data', 'migrations']) rmSync(join(dir, folder), { recursive: true, force: true })
      mkdirSync(join(dir, 'data'))
      const source = format === 'esm' ? `${name}.mjs` : `${name}.cjs`
      const { code, stdout, stderr } = await runBundle(t, dir, await bundle(dir, format, source, KYSELY))
      t.is(code, 0, stderr)
      t.is(stdout, expected.stdout)
    })
  }

  test(`the program sqlock can be bundled (${format})`, async t => {
    const dir = appDir(t)
    const cli = await bundle(dir, format, 'node_modules/sqlock/cli/sqlock.js', COPIED)
    const { stdout } = await runBundle(t, dir, cli, ['--version'])
    t.is(stdout, `sqlock ${version}, SQLite ${sqliteVersion}\n`)
    const { code } = await runBundle(t, dir, cli, ['exec', 'data', '--', 'sh', '-c', 'exit 7'])
    t.is(code, 7)
  })

  test(`a bundle (${format}) without its addon says what to tell the bundler`, async t => {
    const dir = appDir(t)
    const { code, stderr } = await runBundle(t, dir, await bundle(dir, format, 'app.mjs', EXTERNAL))
    t.is(code, 1)
    t.true(stderr.includes('ERR_SQLOCK_NO_BINARY'), stderr)
    t.true(stderr.includes('this is a bundle: tell the bundler that sqlock is external'), stderr)
    t.false(stderr.includes('npm run build'), stderr)
  })

  test(`two bundles (${format}) in one process warn only when each has an addon of its own`, async t => {
    const dir = appDir(t)
    for (const name of ['one', 'two'])
      writeFileSync(
        join(dir, `${name}.mjs`),
        `import { DB } from 'sqlock'; export const open = () => new DB('data/app.db')`
      )
    const one = await bundle(dir, format, 'one.mjs', COPIED)
    await bundle(dir, format, 'two.mjs', COPIED)
    cpSync(join(dir, 'dist'), join(dir, 'elsewhere'), { recursive: true })
    const two = one.replace('one', 'two')
    const warnings = async (other: string) => {
      const script = `
        import { open } from ${JSON.stringify(one)}
        import { open as openToo } from ${JSON.stringify(other)}
        const [heard, opened] = [[], []]
        process.on('warning', ({ code, message }) => heard.push(code + ' ' + message))
        process.on('exit', () => console.log(JSON.stringify(heard)))
        for (const make of [open, openToo]) opened.push(make())
        await opened[0].createRecord('a', 1)
        for (const db of opened) await db.close()`
      writeFileSync(join(dir, 'both.mjs'), script)
      const { stdout, stderr } = await runBundle(t, dir, join(dir, 'both.mjs'))
      t.is(stderr.includes('Error'), false, stderr)
      return JSON.parse(stdout) as string[]
    }
    t.deepEqual(await warnings(two), [])
    const [warning, ...others] = await warnings(two.replace('dist', 'elsewhere'))
    t.regex(warning!, /^SQLOCK_SECOND_SQLITE .* by another copy of sqlock \(in a bundle\)\./)
    t.deepEqual(others, [])
  })
}

test('the recipe for a bundler makes a bundle that writes and reads', async t => {
  const recipe = blocksOf('docs/recipes.md').find(block => block.name === 'bundle.mjs')?.text as string
  const dir = projectOf(t, { 'bundle.mjs': recipe, 'app.mjs': PROGRAM })
  const made = await run(t, process.execPath, ['bundle.mjs'], { cwd: dir })
  t.is(made.code, 0, made.stderr)
  const { stdout, stderr } = await runBundle(t, dir, join(dir, 'dist', 'app.mjs'))
  t.is(stderr, '')
  t.deepEqual(JSON.parse(stdout), [{ id: 1, name: 'written', value: 1 }, true, 'LockTimeout', version])
})
