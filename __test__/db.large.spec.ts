/** Values of 100 MB, by every way in which rows come: V8 ends the process when it has no room for one of its own strings. */
import test from 'ava'
import { run } from './helpers/child.ts'
import { tmpDir } from './helpers/tmp.ts'

const BYTES = 100_000_000
/** The text has a character of two bytes at its end, which is one of latin1, or one that is not. */
const VALUES = {
  'an ASCII text': `printf('%.*c', ${BYTES}, 'x')`,
  'a text of latin1': `printf('%.*c', ${BYTES - 1}, 'x') || 'é'`,
  'a text of Unicode': `printf('%.*c', ${BYTES - 1}, 'x') || '☃'`,
  'a blob': `zeroblob(${BYTES})`
}
const PROGRAM = `
  const { DB } = await import(process.argv[1])
  const db = new DB(process.argv[2] + '/app.db')
  const sql = 'SELECT 1 AS a, ' + process.argv[3] + " AS b, 'c' AS c"
  const walked = async rows => { for await (const row of rows) return row }
  await db.exec('CREATE TABLE t (a, b, c)')
  const ways = {
    get: () => db.get(sql),
    all: () => db.all(sql)[0],
    iterate: () => [...db.iterate(sql)][0],
    getAsync: () => db.getAsync(sql),
    allAsync: async () => (await db.allAsync(sql))[0],
    iterateAsync: () => walked(db.iterateAsync(sql)),
    inTransaction: () => db.transaction(tx => tx.get(sql)),
    returning: async () => (await db.allAsync('INSERT INTO t ' + sql + ' RETURNING *'))[0]
  }
  for (const [name, way] of Object.entries(ways)) {
    const { a, b, c } = await way()
    console.log(name, a, typeof b, b.length, b.at(0), b.at(-1), c)
  }
  await db.close()`

for (const [what, value] of Object.entries(VALUES))
  test.serial(`${what} of 100 MB comes whole, in a heap of 64 MB`, async t => {
    const args = ['--max-old-space-size=64', '--input-type=module', '-e', PROGRAM]
    const index = new URL('../index.mjs', import.meta.url).href
    const { code, stdout, stderr } = await run(t, process.execPath, [...args, index, tmpDir(t), value])
    t.is(code, 0, stderr)
    const last = what === 'a blob' ? 0 : what === 'an ASCII text' ? 'x' : value.at(-2)
    const seen = what === 'a blob' ? `object ${BYTES} 0 0` : `string ${BYTES} x ${last}`
    const lines = stdout.trim().split('\n')
    t.is(lines.length, 8)
    for (const line of lines) t.is(line.slice(line.indexOf(' ')), ` 1 ${seen} c`, line)
  })
