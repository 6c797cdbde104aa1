/** sqlock/drizzle: a cache as Drizzle lets its users write one. */
import test from 'ava'
import { rejection } from './helpers/block.ts'
import { generations, openBlog } from './helpers/drizzle.ts'

for (const generation of await generations()) {
  const { name, Cache, orm } = generation
  const { eq } = orm

  /** Keeps results until a table of theirs is written to. */
  class Kept extends Cache {
    readonly #strategy: 'explicit' | 'all'
    readonly #results = new Map<string, { result: unknown; tables: string[] }>()
    hits = 0

    constructor(strategy: 'explicit' | 'all') {
      super()
      this.#strategy = strategy
    }

    strategy() {
      return this.#strategy
    }

    async get(key: string): Promise<any[] | undefined> {
      const found = this.#results.get(key)
      if (found) this.hits++
      return found?.result as any[] | undefined
    }

    async put(key: string, result: unknown, tables: string[]) {
      this.#results.set(key, { result, tables })
    }

    async onMutate({ tables = [] }: { tables?: unknown }) {
      const nameOf = (table: any) => (typeof table === 'string' ? table : orm.getTableName(table))
      const names = new Set([tables].flat().map(nameOf))
      for (const [key, { tables }] of this.#results)
        if (tables.some(table => names.has(table))) this.#results.delete(key)
    }
  }

  test(`${name}: what is cached is given again until its table is written to, in a batch too`, async t => {
    const cache = new Kept('all')
    const { db, client, users } = await openBlog(t, generation, { cache })
    await db.insert(users).values({ name: 'Ada' })
    const select = () => db.select().from(users).orderBy(users.id)
    const ada = { id: 1, name: 'Ada' }
    t.deepEqual(await select(), [ada])
    await client.run("INSERT INTO users (name) VALUES ('behind its back')")
    t.deepEqual(await select(), [ada])
    t.is(cache.hits, 1)
    await db.insert(users).values({ name: 'Bob' })
    t.is((await select()).length, 3)
    t.is(cache.hits, 1)
    await db.batch([db.insert(users).values({ name: 'Cyd' })])
    t.is((await select()).length, 4)
    await db.transaction(tx => tx.delete(users).where(eq(users.id, 1)).run())
    t.is((await select()).length, 3)
    await client.run('DELETE FROM users')
    t.is((await select()).length, 3)
    await db.$cache?.invalidate({ tables: users })
    t.deepEqual(await select(), [])
  })

  test(`${name}: what is read in a transaction is neither cached nor taken from the cache`, async t => {
    const { db, users } = await openBlog(t, generation, { cache: new Kept('all') })
    const namesIn = async (run: Pick<typeof db, 'select'>) =>
      (await run.select().from(users)).map(row => row.name)
    t.deepEqual(await namesIn(db), [])
    const undone = db.transaction(async tx => {
      await tx.run(orm.sql`INSERT INTO users (name) VALUES ('of sql, which no cache is told of')`)
      t.is((await namesIn(tx)).length, 1)
      await tx.insert(users).values({ name: 'Ada' })
      t.is((await namesIn(tx)).length, 2)
      t.is((await namesIn(db)).length, 2)
      await db.batch([
        db.select().from(users),
        db.insert(users).values({ name: 'Bob' }),
        db.select().from(users)
      ])
      tx.rollback()
    })
    t.true((await rejection(undone)) instanceof orm.TransactionRollbackError)
    t.deepEqual(await namesIn(db), [])
  })

  test(`${name}: the first row and all rows of one query are not taken for each other`, async t => {
    for (const order of [true, false]) {
      const cache = new Kept('explicit')
      const { db, users } = await openBlog(t, generation, { cache })
      await db.insert(users).values([{ name: 'Ada' }, { name: 'Bob' }])
      const query = () => db.select().from(users).orderBy(users.id).$withCache()
      const get = async () => t.deepEqual(await query().get(), { id: 1, name: 'Ada' })
      const all = async () => t.is((await query().all()).length, 2)
      const [first, second] = order ? [get, all] : [all, get]
      await first()
      await second()
      await first()
      t.true(cache.hits > 0)
      const { hits } = cache
      t.is((await db.select().from(users)).length, 2)
      t.is(cache.hits, hits, 'only what asks for it is cached')
    }
  })
}
