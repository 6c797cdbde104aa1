/** The tarballs, installed into an empty directory where there is no compiler and no script is run. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { run } from './helpers/child.ts'
import { type Library, libraries } from './helpers/libraries.ts'
import { type Runtime, runtimes } from './helpers/runtimes.ts'
import { tmpDir } from './helpers/tmp.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const base = realpathSync(mkdtempSync(join(tmpdir(), 'sqlock-package-')))
const bin = join(base, 'bin')
const app = join(base, 'app')
const installed = join(app, 'node_modules', 'sqlock')
/** Only Node and npm are to be found. */
const env = { ...process.env, PATH: bin, CARGO: undefined, RUSTC: undefined }

test.before(() => {
  const dist = join(base, 'dist')
  execFileSync(process.execPath, ['scripts/pack.mjs', '--to', dist], { cwd: root, stdio: 'pipe' })
  mkdirSync(bin)
  symlinkSync(process.execPath, join(bin, 'node'))
  symlinkSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim(), join(bin, 'npm'))
  cpSync(new URL('fixtures/installed', import.meta.url), app, { recursive: true })
  mkdirSync(join(app, 'data'))
  writeFileSync(join(app, 'example.mjs'), readme().match(/^```js\n([\s\S]*?)^```/m)?.[1] as string)
  writeFileSync(join(app, 'package.json'), '{ "private": true }')
  const tarballs = readdirSync(dist).map(name => join(dist, name))
  execFileSync('npm', ['install', '--ignore-scripts', '--offline', '--no-audit', ...tarballs], {
    cwd: app,
    env
  })
})
test.after.always(() => rmSync(base, { recursive: true, force: true }))

const readme = () => readFileSync(join(root, 'README.md'), 'utf8')

/** A directory of its own with the same packages, since the databases are made beside them. */
function freshApp(t: ExecutionContext): string {
  const dir = tmpDir(t)
  cpSync(app, dir, { recursive: true })
  return dir
}

/** The same with a library that there is an adapter for. */
function appWith(t: ExecutionContext, { name, folder }: Library): string {
  const dir = freshApp(t)
  symlinkSync(folder, join(dir, 'node_modules', name))
  return dir
}

/** What the fixtures of an adapter print. */
const OUTCOMES: Record<string, object> = {
  'drizzle-orm': {
    id: 1,
    code: 'SQLITE_CONSTRAINT_UNIQUE',
    undone: true,
    left: [{ id: 2, name: 'Bob' }],
    isDrizzles: true,
    isSqlocks: true
  },
  knex: {
    applied: [1, ['first']],
    again: [],
    id: 1,
    code: 'SQLITE_CONSTRAINT_UNIQUE',
    names: ['Ada', 'Grace'],
    children: 1,
    refused: 'SQLITE_CONSTRAINT_FOREIGNKEY',
    columns: ['id', 'name'],
    locked: 0
  },
  kysely: {
    applied: ['first Success'],
    insertId: '1',
    code: 'SQLITE_CONSTRAINT_UNIQUE',
    names: ['Ada', 'Grace'],
    count: 2,
    open: false
  }
}

function runIn(t: ExecutionContext, cwd: string, { command, args }: Runtime, script: string) {
  return run(t, command, [...args, script], { cwd, env })
}

for (const runtime of runtimes()) {
  test(`${runtime.name} runs the example of the README`, async t => {
    const dir = freshApp(t)
    t.log((await run(t, runtime.command, ['--version'])).stdout.split('\n')[0])
    const { code, stdout, stderr } = await runIn(t, dir, runtime, 'example.mjs')
    t.is(code, 0, stderr)
    t.regex(stdout, /Created record: 1\n/)
  })

  test(`${runtime.name} leaves what was acknowledged and a free lock when a holder is killed`, async t => {
    const dir = freshApp(t)
    const holder = spawn(runtime.command, [...runtime.args, 'holder.mjs'], { cwd: dir, env })
    t.teardown(() => holder.kill('SIGKILL'))
    const acknowledged: number[] = []
    for await (const id of createInterface({ input: holder.stdout })) {
      acknowledged.push(Number(id))
      if (acknowledged.length === 20) break
    }
    t.is(acknowledged.length, 20)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const { code, stdout, stderr } = await runIn(t, dir, runtime, 'survivor.mjs')
    t.is(code, 0, stderr)
    const { ids, integrity } = JSON.parse(stdout) as { ids: number[]; integrity: string }
    t.deepEqual(
      acknowledged.filter(id => !ids.includes(id)),
      []
    )
    t.is(integrity, 'ok')
  })

  // Deno's main thread was seen to wait for ever for the end of a worker thread that was gone, on a machine that was very busy.
  if (runtime.name !== 'Deno')
    test(`${runtime.name} writes from several threads`, async t => {
      const { code, stdout, stderr } = await runIn(t, freshApp(t), runtime, 'threads.mjs')
      t.is(code, 0, stderr)
      t.deepEqual(JSON.parse(stdout), { codes: [0, 0, 0], records: 80 })
    })

  test(`${runtime.name} gets the same by import and by require`, async t => {
    const { code, stdout, stderr } = await runIn(t, freshApp(t), runtime, 'forms.mjs')
    t.is(code, 0, stderr)
    const { names, same } = JSON.parse(stdout)
    t.true(names.includes('DB'))
    t.deepEqual(same, names)
  })

  const major = Number(/^Node (\d+)/.exec(runtime.name)?.[1] ?? Infinity)
  for (const library of libraries().filter(({ node }) => node <= major)) {
    const { name, version } = library
    test(`${runtime.name} runs the adapter for ${name} ${version} by import and by require`, async t => {
      for (const script of [`${name}.mjs`, `${name}.cjs`]) {
        const { code, stdout, stderr } = await runIn(t, appWith(t, library), runtime, script)
        t.is(code, 0, stderr)
        // Before it there may be what the library says.
        t.deepEqual(JSON.parse(stdout.trim().split('\n').at(-1) as string), OUTCOMES[name])
      }
    })
  }
}

test('TypeScript finds the types by import and by require', async t => {
  await compiles(t, app, ['types.mts', 'types.cts'])
})

for (const library of libraries()) {
  const { name, version } = library
  test(`TypeScript finds the types of the adapter for ${name} ${version}`, async t => {
    await compiles(t, appWith(t, library), [`${name}.types.mts`, `${name}.types.cts`], library)
  })
}

/** Without an error, but for those in the declarations of the library itself. */
async function compiles(t: ExecutionContext, cwd: string, files: string[], library?: Library): Promise<void> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const typeRoots = join(root, 'node_modules', '@types')
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--types',
    'node',
    '--typeRoots',
    typeRoots
  ]
  const lib = ['--target', 'es2022', '--lib', 'es2023,esnext.disposable']
  const { stdout, stderr } = await run(t, process.execPath, [tsc, ...options, ...lib, ...files], { cwd })
  const isLibrarys = (error: string) =>
    library && resolve(cwd, error.slice(0, error.indexOf('('))).startsWith(join(library.folder, '/'))
  const errors = stdout.split('\n').filter(line => line.includes(': error TS'))
  t.deepEqual([stderr, ...errors.filter(error => !isLibrarys(error))], [''])
}

test('the root package carries its sources, no addon, no tests, and nothing of the machine', t => {
  const entries = readdirSync(installed, { recursive: true, withFileTypes: true })
  const paths = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const files = paths.map(path => relative(installed, path))
  for (const file of ['Cargo.toml', 'Cargo.lock', '.cargo/config.toml', 'build.rs', 'src/lib.rs', 'LICENSE'])
    t.true(files.includes(file), file)
  t.deepEqual(
    files.filter(file => /\.node$|test|bench|_properties/.test(file)),
    []
  )
  for (const path of paths) {
    const text = readFileSync(path, 'utf8')
    t.false(text.includes(root) || text.includes(`${homedir()}/`), path)
  }
})

test('no package has a script that is run when it is installed', t => {
  const folders = readdirSync(join(app, 'node_modules')).filter(name => name.startsWith('sqlock'))
  t.is(folders.length, 2)
  for (const folder of folders) {
    const { scripts = {} } = JSON.parse(
      readFileSync(join(app, 'node_modules', folder, 'package.json'), 'utf8')
    ) as { scripts?: object }
    t.deepEqual(
      Object.keys(scripts).filter(name => /install|prepare/.test(name)),
      []
    )
  }
})

test('the package of a platform names its system, its processor, on Linux its libc, and the licences of what it contains', t => {
  const folder = readdirSync(join(app, 'node_modules')).find(name => name.startsWith('sqlock-')) as string
  const manifest = JSON.parse(readFileSync(join(app, 'node_modules', folder, 'package.json'), 'utf8'))
  t.deepEqual(manifest.os, [process.platform])
  t.deepEqual(manifest.cpu, [process.arch])
  if (process.platform === 'linux') t.is(manifest.libc.length, 1)
  t.regex(readFileSync(join(app, 'node_modules', folder, 'LICENSE'), 'utf8'), /\nrusqlite \d.* \(MIT\)\n/)
})

test('a release is packed for every platform, and not at all when an addon is missing', t => {
  const addons = tmpDir(t)
  const dist = join(addons, 'dist')
  const pack = () =>
    execFileSync(process.execPath, ['scripts/pack.mjs', addons, '--all', '--to', dist], {
      cwd: root,
      stdio: 'pipe'
    })
  const systems = ['linux-x64-gnu', 'linux-x64-musl', 'linux-arm64-gnu', 'linux-arm64-musl', 'darwin-x64']
  for (const system of systems) writeFileSync(join(addons, `sqlock.${system}.node`), 'an addon')
  t.throws(pack, { message: /sqlock\.darwin-arm64\.node/ })
  t.false(readdirSync(addons).includes('dist'))

  writeFileSync(join(addons, 'sqlock.darwin-arm64.node'), 'an addon')
  pack()
  const { version, optionalDependencies } = manifestIn(join(dist, rootTarball(dist)))
  const names = [...systems, 'darwin-arm64'].map(system => `sqlock-${system}`)
  t.deepEqual(optionalDependencies, Object.fromEntries(names.map(name => [name, version])))
  t.is(readdirSync(dist).length, 7)
})

const rootTarball = (dist: string) => readdirSync(dist).find(name => /^sqlock-\d/.test(name)) as string
const manifestIn = (tarball: string) =>
  JSON.parse(execFileSync('tar', ['xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }))

const fromSource = process.env.SQLOCK_BUILD_FROM_SOURCE ? test : test.skip
fromSource('the addon can be built from the root package', async t => {
  t.timeout(600_000, 'a build takes a minute or more')
  const dir = freshApp(t)
  const own = join(dir, 'node_modules', 'sqlock')
  for (const name of readdirSync(dirname(own)).filter(name => name.startsWith('sqlock-')))
    rmSync(join(dirname(own), name), { recursive: true })
  const PATH = `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`
  const build = await run(t, 'npm', ['run', 'build'], { cwd: own, env: { ...process.env, PATH } })
  t.is(build.code, 0, build.stderr)
  const { code, stderr } = await run(t, process.execPath, ['example.mjs'], { cwd: dir })
  t.is(code, 0, stderr)
})
