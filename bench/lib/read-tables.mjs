/** The tables that are read. Each can tell what its row `n` has to be, so that what is read is compared with it. */
import { Database } from './better-sqlite3.mjs'

const text = n => `${String(n).padStart(6, '0')} `.repeat(143).slice(0, 1000)
const TEXT = "substr(replace(printf('%.143c', 'x'), 'x', printf('%06d ', n)), 1, 1000)"
/** 20 characters. */
const title = n => `title number ${String(n).padStart(7, '0')}`
const TITLE = "printf('title number %07d', n)"
const WIDE = Array.from({ length: 30 }, (_, c) => ({ name: `c${c}`, factor: c + 1 }))

export const tables = {
  plain: {
    rows: 100_000,
    columns: 'id INTEGER PRIMARY KEY, name TEXT, value REAL',
    values: `n, ${TITLE}, n + 0.5`,
    row: n => ({ id: n, name: title(n), value: n + 0.5 })
  },
  records: {
    rows: 100_000,
    columns: 'id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL',
    values: `n, ${TITLE}, n * 3`,
    row: n => ({ id: n, name: title(n), value: n * 3 })
  },
  items: {
    rows: 20_000,
    columns:
      'id INTEGER PRIMARY KEY, title TEXT, price REAL, stock INTEGER, created INTEGER, note TEXT, tag TEXT, done INTEGER',
    values: `n, ${TITLE}, n + 0.25, n % 100, 1700000000000 + n, iif(n % 3, NULL, 'note ' || n), 'tag' || (n % 10), n % 2`,
    row: n => ({
      id: n,
      title: title(n),
      price: n + 0.25,
      stock: n % 100,
      created: 1_700_000_000_000 + n,
      note: n % 3 ? null : `note ${n}`,
      tag: `tag${n % 10}`,
      done: n % 2
    })
  },
  wide: {
    rows: 5000,
    columns: WIDE.map(({ name }) => `${name} INTEGER`).join(', '),
    values: WIDE.map(({ factor }) => `n * ${factor}`).join(', '),
    row: n => Object.fromEntries(WIDE.map(({ name, factor }) => [name, n * factor]))
  },
  texts: {
    rows: 10_000,
    columns: 'id INTEGER PRIMARY KEY, body TEXT',
    values: `n, ${TEXT}`,
    row: n => ({ id: n, body: text(n) })
  },
  blobs: {
    rows: 10_000,
    columns: 'id INTEGER PRIMARY KEY, body BLOB',
    values: `n, CAST(${TEXT} AS BLOB)`,
    row: n => ({ id: n, body: Buffer.from(text(n)) })
  }
}

/** Makes a database with these tables. */
export function makeTables(path, names) {
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  for (const name of names) {
    const { rows, columns, values } = tables[name]
    const numbers = `WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < ${rows})`
    db.exec(`CREATE TABLE ${name} (${columns}); INSERT INTO ${name} ${numbers} SELECT ${values} FROM c`)
  }
  db.close()
}

/** Throws unless `rows` are those of the table from its row `first` on. */
export function checkTable(name, rows, first = 1) {
  rows.forEach((row, i) => checkRow(name, row, first + i))
}

/** Throws unless `row` is row `n` of the table, with its columns in order. */
export function checkRow(name, row, n) {
  const expected = Object.entries(tables[name].row(n))
  // libsql adds `_metadata`, the time of the call, to a row of get().
  const read = Object.entries(row).filter(([column]) => column !== '_metadata')
  const same = read.every(
    ([column, value], i) => column === expected[i]?.[0] && isSame(value, expected[i][1])
  )
  if (!same || read.length !== expected.length) throw new Error(`row ${n} of ${name} is wrong`)
}

function isSame(value, expected) {
  // A blob is a Uint8Array or a Buffer, in the rows of all() of libsql an ArrayBuffer.
  return Buffer.isBuffer(expected) ? expected.equals(new Uint8Array(value)) : value === expected
}
