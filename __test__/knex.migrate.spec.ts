/** Migrations of Knex: each once over all processes, whoever is killed. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { Knex } from 'knex'
import { rejection } from './helpers/block.ts'
import { Actor, run, spawnHolder } from './helpers/child.ts'
import { openKnex } from './helpers/knex.ts'
import { tmpDir } from './helpers/tmp.ts'

const require = createRequire(import.meta.url)
const migrations = require('./fixtures/knex-migrations.cjs') as (
  options: object
) => Knex.MigrationSource<string>
const NAMES = Array.from({ length: 10 }, (_, n) => `0${n}`)

const config = (options: object = {}) => ({ migrationSource: migrations(options) })
const applied = (knex: Knex) => knex('knex_migrations').orderBy('id').pluck('name')

/** Eight processes that call it at once. */
async function eight(
  t: ExecutionContext,
  dir: string,
  method: string,
  options: object = {}
): Promise<[number, string[]][]> {
  const args = [join(dir, 'app.db'), method, JSON.stringify(options)]
  const actors = Array.from({ length: 8 }, () => new Actor(t, 'knex-migrator.cjs', args))
  for (const actor of actors) t.is(await actor.says(), 'ready')
  for (const actor of actors) actor.tell('go')
  const outcomes = []
  for (const actor of actors) outcomes.push(await actor.says<[number, string[]]>())
  return outcomes
}

for (const transaction of [true, false]) {
  const how = transaction ? 'in transactions' : 'without transactions'

  test(`eight processes that migrate at once apply each migration once, ${how}`, async t => {
    const dir = tmpDir(t)
    const outcomes = await eight(t, dir, 'latest', { transaction })
    t.deepEqual(
      outcomes.map(([, names]) => names).filter(names => names.length > 0),
      [NAMES]
    )
    const knex = openKnex(t, dir)
    t.deepEqual(await knex('log').orderBy('id').pluck('name'), NAMES)
    t.deepEqual(await applied(knex), NAMES)
    t.deepEqual(await knex('knex_migrations_lock'), [{ index: 1, is_locked: 0 }])
  })

  test(`eight processes that go up by one at once go up by eight, ${how}`, async t => {
    const dir = tmpDir(t)
    const outcomes = await eight(t, dir, 'up', { transaction })
    t.deepEqual(outcomes.flatMap(([, names]) => names).toSorted(), NAMES.slice(0, 8))
    t.deepEqual(await openKnex(t, dir)('log').orderBy('id').pluck('name'), NAMES.slice(0, 8))
  })

  test(`a process that is killed in a migration leaves no lock, ${how}`, async t => {
    const dir = tmpDir(t)
    const options = JSON.stringify({ transaction, stopIn: '05' })
    const victim = new Actor(t, 'knex-migrator.cjs', [join(dir, 'app.db'), 'latest', options])
    t.is(await victim.says(), 'ready')
    victim.tell('go')
    t.is(await victim.says(), 'stopped')
    await victim.kill()
    const knex = openKnex(t, dir)
    if (!transaction) {
      t.deepEqual(await knex('knex_migrations_lock'), [{ index: 1, is_locked: 1 }])
      // What it has done of it stays: that is what it means to be in no transaction.
      await knex.schema.dropTable('t05')
    }
    const [, names] = await knex.migrate.latest(config({ transaction }))
    t.deepEqual(names, transaction ? NAMES : NAMES.slice(5))
    t.deepEqual(await applied(knex), NAMES)
    t.deepEqual(await knex('knex_migrations_lock'), [{ index: 1, is_locked: 0 }])
  })
}

test('eight processes that roll back at once roll back each batch once', async t => {
  const dir = tmpDir(t)
  const knex = openKnex(t, dir)
  await knex.migrate.up(config())
  await knex.migrate.latest(config())
  const outcomes = await eight(t, dir, 'rollback')
  const undone = outcomes.map(([, names]) => names).filter(names => names.length > 0)
  t.deepEqual(undone.toSorted(), [['00'], NAMES.slice(1).toReversed()])
  t.deepEqual(await applied(knex), [])
})

test('eight processes that look at the history at once make its tables once', async t => {
  const dir = tmpDir(t)
  for (const outcome of await eight(t, dir, 'currentVersion')) t.is(outcome as unknown, 'none')
  t.deepEqual(await openKnex(t, dir)('knex_migrations_lock'), [{ index: 1, is_locked: 0 }])
})

test('a migration that fails leaves nothing of its run, and no lock', async t => {
  const knex = openKnex(t)
  knex.client.logger.warn = () => {}
  const source = migrations({})
  const failing: Knex.MigrationSource<string> = {
    ...source,
    getMigrations: async () => [...NAMES, '10'],
    getMigration: async name => {
      if (name !== '10') return source.getMigration(name)
      return { up: trx => trx('none').insert({ a: 1 }), down: async () => {} }
    }
  }
  const error = await rejection(knex.migrate.latest({ migrationSource: failing }))
  t.is(error.code, 'SQLITE_ERROR')
  t.false(await knex.schema.hasTable('log'))
  t.deepEqual(await applied(knex), [])
  t.deepEqual((await knex.migrate.latest(config()))[1], NAMES)
})

test('migrations wait for who holds the lock longer than a write does', async t => {
  const dir = tmpDir(t)
  const knex = openKnex(t, dir, { timeout: 0 })
  const holder = await spawnHolder(t, dir)
  const migrated = knex.migrate.latest(config())
  t.is((await rejection(Promise.resolve(knex.raw('create table x (a)')))).code, 'ERR_SQLOCK_TIMEOUT')
  await holder.kill()
  t.deepEqual((await migrated)[1], NAMES)
})

test('migrations in a transaction belong to it', async t => {
  const knex = openKnex(t)
  const trx = await knex.transaction()
  t.deepEqual((await trx.migrate.latest(config()))[1], NAMES)
  await trx.rollback()
  t.false(await knex.schema.hasTable('log'))
})

test('a database that is opened for reading only tells its version', async t => {
  const dir = tmpDir(t)
  await openKnex(t, dir).migrate.latest(config())
  const knex = openKnex(t, dir, { readonly: true })
  t.is(await knex.migrate.currentVersion(config()), '09')
  const [completed, missing] = await knex.migrate.list(config())
  t.deepEqual([completed.length, missing], [10, []])
})

test('the program of Knex migrates by a knexfile, in four processes at once, and seeds', async t => {
  const dir = tmpDir(t)
  const adapter = fileURLToPath(new URL('../adapters/knex/index.js', import.meta.url))
  writeFileSync(
    join(dir, 'knexfile.js'),
    `const { SqlockClient } = require(${JSON.stringify(adapter)})
     module.exports = { client: SqlockClient, connection: { filename: 'app.db' }, useNullAsDefault: true }`
  )
  mkdirSync(join(dir, 'migrations'))
  mkdirSync(join(dir, 'seeds'))
  writeFileSync(
    join(dir, 'migrations', '1_people.js'),
    `exports.up = knex => knex.schema.createTable('people', table => { table.string('name') })
     exports.down = knex => knex.schema.dropTable('people')`
  )
  writeFileSync(
    join(dir, 'seeds', 'people.js'),
    `exports.seed = knex => knex('people').insert({ name: 'Ada' })`
  )
  const library = dirname(fileURLToPath(import.meta.resolve('knex/package.json')))
  mkdirSync(join(dir, 'node_modules'))
  symlinkSync(library, join(dir, 'node_modules', 'knex'))
  const cli = join(library, 'bin', 'cli.js')
  const knexCli = (command: string) => run(t, process.execPath, [cli, command, '--cwd', dir], { cwd: dir })

  const outcomes = await Promise.all(Array.from({ length: 4 }, () => knexCli('migrate:latest')))
  for (const { code, stderr } of outcomes) t.is(code, 0, stderr)
  t.is(outcomes.filter(({ stdout }) => stdout.includes('Batch 1 run: 1 migrations')).length, 1)
  t.is(outcomes.filter(({ stdout }) => stdout.includes('Already up to date')).length, 3)
  t.is((await knexCli('seed:run')).code, 0)
  t.deepEqual(await openKnex(t, dir)('people'), [{ name: 'Ada' }])
})
