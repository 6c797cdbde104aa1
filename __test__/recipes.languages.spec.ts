/** The programs of docs/recipes.md in other languages, as they stand there, beside sqlock. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { eventually } from './helpers/block.ts'
import { blocksOf, projectOf, read, root } from './helpers/blocks.ts'
import { type Outcome, has, run } from './helpers/child.ts'
import { lockSize, openDb, openLocker } from './helpers/tmp.ts'

const target = join(root, 'target')
const ROWS = 60

interface Program {
  file: string
  tool: string
  language: string
  /** The package of the peer in this language, which has the libraries; and where the program belongs in it. */
  package?: { files: string[]; place: string }
  compile?: string[]
  command: string[]
}

const programs: Program[] = [
  { file: 'add.py', tool: 'python3', language: 'Python', command: ['python3', 'add.py'] },
  {
    file: 'add.go',
    tool: 'go',
    language: 'Go',
    package: { files: ['go.mod', 'go.sum'], place: 'add.go' },
    // Its SQLite comes as source: without optimisation it takes seconds, not a minute.
    compile: ['env', 'CGO_ENABLED=1', 'CGO_CFLAGS=-O0', 'go', 'build', '-o', 'add', '.'],
    command: ['./go/add']
  },
  {
    file: 'add.rs',
    tool: 'cargo',
    language: 'Rust',
    package: { files: ['Cargo.toml', 'Cargo.lock'], place: 'src/main.rs' },
    compile: ['cargo', 'build', '--quiet', '--locked', '--target-dir', target],
    command: [`${target}/debug/sqlock-recipe`]
  }
]

async function prepare(t: ExecutionContext, dir: string, program: Program): Promise<void> {
  const text = blocksOf('docs/recipes.md').find(({ name }) => name === program.file)?.text as string
  const folder = program.language.toLowerCase()
  if (!program.package || !program.compile) return writeFileSync(join(dir, program.file), text)
  const { files, place } = program.package
  mkdirSync(join(dir, folder, 'src'), { recursive: true })
  writeFileSync(join(dir, folder, place), text)
  for (const file of files) {
    // By a name of its own: what it is compiled to lies in the directory that the peer has.
    const own = read(`__test__/peers/${folder}/${file}`).replaceAll('sqlock-peer', 'sqlock-recipe')
    writeFileSync(join(dir, folder, file), own)
  }
  const [command = '', ...args] = program.compile
  const { code, stderr } = await run(t, command, args, { cwd: join(dir, folder) })
  t.is(code, 0, stderr)
}

const start = (t: ExecutionContext, dir: string, { command: [command = '', ...args] }: Program) =>
  run(t, command, [...args, String(ROWS)], { cwd: dir })

/** How many wait for the lock in the kernel. */
function waitingFor(lockPath: string): number {
  const inode = `:${statSync(lockPath).ino} `
  const locks = readFileSync('/proc/locks', 'utf8').split('\n')
  return locks.filter(line => line.includes('-> FLOCK') && line.includes(inode)).length
}

test('programs in other languages wait for sqlock, write beside it, and each row is there once', async t => {
  t.timeout(600_000, 'with nothing in the caches two SQLites are compiled')
  const dir = projectOf(t, {})
  const present = programs.filter(({ tool }) => has(tool))
  await Promise.all(present.map(program => prepare(t, dir, program)))
  const data = join(dir, 'data')
  const db = openDb(t, data, { timeout: 20_000 })
  await db.createRecord('sqlock', 0)
  const lock = openLocker(t, data)
  await lock.acquire(20_000)
  const running: Promise<Outcome>[] = present.map(program => start(t, dir, program))
  if (existsSync('/proc/locks')) await eventually(t, () => waitingFor(lock.lockPath) === present.length)
  t.is(db.getAllRecords().length, 1)
  await lock.unlock()
  for (let value = 1; value < ROWS; value++) await db.createRecord('sqlock', value)
  for (const { code, stderr } of await Promise.all(running)) t.is(code, 0, stderr)
  const expected = Array.from({ length: ROWS }, (_, value) => value)
  for (const language of ['sqlock', ...present.map(({ language }) => language)]) {
    const values = db.all('SELECT value FROM records WHERE name = ? ORDER BY id', language)
    t.deepEqual(
      values.map(({ value }) => value),
      expected,
      language
    )
  }
  t.is(db.getAllRecords().length, ROWS * (1 + present.length))
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
  t.is(lockSize(data), 0)
})
