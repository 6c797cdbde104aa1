/**
 * What a caller keeps of a result keeps nothing else of it alive. Texts used to be cut out of one string for a whole row or
 * column: a title of 30 characters kept the article of 40,000 beside it.
 */
import { spawnSync } from 'node:child_process'
import test from 'ava'
import { tmpDir } from './helpers/tmp.ts'

const ROWS = 500
const SETUP = (body: string) => `CREATE TABLE doc (id INTEGER PRIMARY KEY, title TEXT, body);
  WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${ROWS})
  INSERT INTO doc SELECT i, printf('title of the document %08d', i), ${body} FROM c`

const BODIES = {
  ASCII: "printf('%.*c', 40000, 'x')",
  'no ASCII': "printf('%.*c', 20000, 'x') || 'é'",
  mixed: "CASE WHEN i % 7 THEN printf('%.*c', 20000, 'x') || 'é' END"
}
const SQL = 'SELECT title, body FROM doc'
const READS = {
  get: `for (let i = 1; i <= ${ROWS}; i++) kept.push(db.get('${SQL} WHERE id = ?', i).title)`,
  'get of the text behind': `for (let i = 1; i <= ${ROWS}; i++)
    kept.push(db.get('SELECT body, title FROM doc WHERE id = ?', i).title)`,
  all: `kept.push(...db.all('${SQL}').map(row => row.title))`,
  'all of one column': `kept.push(...db.all('SELECT title AS t FROM doc UNION ALL SELECT body FROM doc').map(row => row.t)
    .filter(t => t && t.length < 100))`,
  iterate: `for (const { title } of db.iterate('${SQL}')) kept.push(title)`,
  allAsync: `kept.push(...(await db.allAsync('${SQL}')).map(row => row.title))`,
  returning: `kept.push(...(await db.allAsync('UPDATE doc SET id = id RETURNING title, body')).map(row => row.title))`
}

/** Keeps the titles that another process has read; tells how many bytes more that process has then. */
function bytesKept(dir: string, setup: string, read: string): { titles: number; bytes: number } {
  const program = `
    import { DB } from '${new URL('../index.mjs', import.meta.url)}'
    const db = new DB(process.argv[1] + '/app.db')
    await db.exec(${JSON.stringify(setup)})
    const used = async () => {
      for (let n = 0; n < 4; n++) { globalThis.gc(); await new Promise(resolve => setImmediate(resolve)) }
      const { heapUsed, external } = process.memoryUsage()
      return heapUsed + external
    }
    const kept = globalThis.kept = []
    const before = await used()
    ${read}
    console.log(JSON.stringify({ titles: kept.length, bytes: (await used()) - before }))
    await db.close()`
  const child = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program, dir], {
    encoding: 'utf8'
  })
  if (child.status !== 0) throw new Error(child.stderr)
  return JSON.parse(child.stdout)
}

for (const [kind, body] of Object.entries(BODIES))
  test(`a text that is kept does not keep its neighbours alive, which are ${kind}`, t => {
    for (const [way, read] of Object.entries(READS)) {
      const { titles, bytes } = bytesKept(tmpDir(t), SETUP(body), read)
      t.is(titles, ROWS, way)
      // The neighbours have 10 MB or more.
      t.true(bytes < 3e6, `${way}: ${bytes} bytes`)
    }
  })

/** 400 rows for each of a document, of which every 50th is kept. */
const MANY = `SELECT id, title, 'other' AS other FROM doc, (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 400) SELECT i FROM c)`
const keep = (rows: string, title: string) =>
  `kept.push(...(${rows}).filter((_, n) => n % 50 === 0).map(row => ${title}))`
const MANY_READS = {
  all: keep('db.all(MANY)', 'row.title'),
  'all in a transaction': keep('await db.transaction(tx => tx.all(MANY))', 'row.title'),
  raw: keep('db.prepare(MANY).raw().all()', 'row[1]'),
  pluck: keep("db.prepare(MANY.replace('id, ', '')).pluck().all()", 'row'),
  iterate: keep('[...db.iterate(MANY)]', 'row.title'),
  allAsync: keep('await db.allAsync(MANY)', 'row.title'),
  execute: keep('(await db.execute(MANY)).rows', 'row.title'),
  iterateAsync: `let n = 0
    for await (const { title } of db.iterateAsync(MANY)) if (n++ % 50 === 0) kept.push(title)`,
  returning: `await db.exec('CREATE TABLE copy (id, title, other)')
    ${keep("await db.allAsync('INSERT INTO copy ' + MANY + ' RETURNING *')", 'row.title')}`
}

for (const [way, read] of Object.entries(MANY_READS))
  test(`${way}: a short text that is kept keeps none of the others alive`, t => {
    const { titles, bytes } = bytesKept(
      tmpDir(t),
      SETUP("''"),
      `const MANY = ${JSON.stringify(MANY)}\n${read}`
    )
    t.is(titles, 8 * ROWS)
    // A text takes some 50 bytes. In strings that 512 bytes share, each would keep as many.
    t.true(bytes < 1e6, `${bytes} bytes`)
  })
