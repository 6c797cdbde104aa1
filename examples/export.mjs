/**
 * A streaming export: 100,000 rows as compressed JSON lines, some hundred of them in memory at a time, while money goes from
 * account to account. The file is of one instant: the sum in it is right, although every row may change meanwhile.
 */
import assert from 'node:assert/strict'
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { DB } from 'sqlock'

const ACCOUNTS = 100_000

const dir = mkdtempSync(join(tmpdir(), 'sqlock-'))
const db = new DB(join(dir, 'bank.db'))
await db.exec('CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)')
const numbers = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${ACCOUNTS})`
await db.run(`${numbers} INSERT INTO accounts (balance) SELECT 100 FROM numbers`)

const file = join(dir, 'accounts.jsonl.gz')
const transfers = []
const transferring = setInterval(() => transfers.push(transfer()), 1)
await exportTo(file)
clearInterval(transferring)
await Promise.all(transfers)

const { count, sum } = await check(file)
assert.deepEqual({ count, sum }, { count: ACCOUNTS, sum: 100 * ACCOUNTS })
assert.ok(transfers.length > 0)
console.log(`${count} rows with a sum of ${sum}, during ${transfers.length} transfers`)
await db.close()
rmSync(dir, { recursive: true })

async function exportTo(path) {
  const rows = db.iterateAsync('SELECT id, balance FROM accounts')
  await pipeline(rows, toLines, createGzip(), createWriteStream(path))
}

async function* toLines(rows) {
  for await (const row of rows) yield `${JSON.stringify(row)}\n`
}

async function transfer() {
  const [from, to] = [Math.random(), Math.random()].map(random => Math.ceil(random * ACCOUNTS))
  await db.batch([
    { sql: 'UPDATE accounts SET balance = balance - 10 WHERE id = ?', params: [from] },
    { sql: 'UPDATE accounts SET balance = balance + 10 WHERE id = ?', params: [to] }
  ])
}

async function check(path) {
  let [count, sum] = [0, 0]
  const lines = createInterface({ input: createReadStream(path).pipe(createGunzip()) })
  for await (const line of lines) [count, sum] = [count + 1, sum + JSON.parse(line).balance]
  return { count, sum }
}
