/** Random schemas: tables of every kind, views, indexes, triggers, and the sources that a query can read from. */
import fc from 'fast-check'
import { type Source, textsOf } from './grammar.ts'

export interface Schema {
  statements: string[]
  sources: Source[]
}

/** Some need quoting, some mean something to JavaScript. */
const NAMES = textsOf(`
  a  b  c  id  n  a b  select  __proto__  constructor  toString  length  0  7  é  😀  a"b  ?  :p  values
`)
const TYPES = [
  '',
  ...textsOf('INTEGER  INT  TEXT  REAL  BLOB  NUMERIC  VARCHAR(10)  a "b" c  FLOATING POINT')
]
const STRICT_TYPES = ['INT', 'INTEGER', 'TEXT', 'REAL', 'BLOB', 'ANY']
/** `#` is the column itself, `@` the first one of the table. */
const CONSTRAINTS = textsOf(`
  NOT NULL  UNIQUE  COLLATE NOCASE  COLLATE RTRIM  UNIQUE COLLATE NOCASE  CHECK (# <> 1)  CHECK (typeof(#) <> 'blob')
  DEFAULT 5  DEFAULT 'd'  DEFAULT (1 + 1.5)  DEFAULT x'00ff'  NOT NULL DEFAULT -1  NOT NULL ON CONFLICT IGNORE
  UNIQUE ON CONFLICT REPLACE  UNIQUE ON CONFLICT FAIL  NOT NULL ON CONFLICT ROLLBACK
  REFERENCES "t0"  REFERENCES "t0" ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
  AS (@ || 1)  GENERATED ALWAYS AS (length(@)) STORED  AS (@ + 1) UNIQUE
`)
/** After the largest rowid there is, SQLite takes one by chance. */
const KEY = 'INTEGER PRIMARY KEY CHECK (# < 9223372036854775807)'

/** What stands behind the name of the first column, and behind all of them. */
const KINDS: [string, string][] = [
  ['', ''],
  ['', ''],
  [KEY, ''],
  ['INTEGER PRIMARY KEY AUTOINCREMENT', ''],
  ['PRIMARY KEY', ''],
  ['PRIMARY KEY DESC', 'WITHOUT ROWID'],
  [KEY, 'STRICT'],
  ['TEXT PRIMARY KEY', 'STRICT, WITHOUT ROWID']
]

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`

const column = fc.record({
  name: fc.constantFrom(...NAMES),
  type: fc.nat(100),
  constraint: fc.option(fc.constantFrom(...CONSTRAINTS), { nil: '', freq: 2 })
})
const table = fc.record({
  kind: fc.constantFrom(...KINDS),
  columns: fc.uniqueArray(column, { minLength: 1, maxLength: 5, selector: column => column.name })
})
type Table = typeof table extends fc.Arbitrary<infer T> ? T : never

const isGenerated = (constraint: string) => /\bAS \(/.test(constraint)

function toSource({ columns }: Table, n: number): Source {
  const names = columns.map(column => quote(column.name))
  const writable = names.filter((_, i) => i === 0 || !isGenerated(columns[i]!.constraint))
  return { from: `"t${n}"`, columns: names, writable, isTarget: true }
}

/**
 * SQLite gives a whole REAL as an INTEGER in places. Where an index is on an expression or on a generated column, it belongs to
 * its version whether it does, so there is no index on an expression, and no generated column is a REAL.
 */
function toSql({ kind: [first, options], columns }: Table, n: number): string {
  const types = options.startsWith('STRICT') ? STRICT_TYPES : TYPES
  const [key] = columns.map(column => quote(column.name))
  const definitions = columns.map(({ name, type, constraint }, i) => {
    const own = quote(name)
    if (i === 0 && first) return `${own} ${first.replace('#', own)}`
    const declared = types[type % types.length]!
    const isAmbiguous = isGenerated(constraint) && /REAL|FLOAT/.test(declared)
    const filled = constraint.replace('#', own).replace('@', i === 0 ? '1' : key!)
    return `${own} ${isAmbiguous ? 'INT' : declared} ${i === 0 && isGenerated(constraint) ? '' : filled}`
  })
  return `CREATE TABLE "t${n}" (${definitions.join(', ')}) ${options}`
}

/** `T` is the last table, `K` its first column, `L` its last one. Not every one fits every table. */
const EXTRAS = [
  'CREATE INDEX i ON T (K, L)',
  'CREATE UNIQUE INDEX u ON T (L) WHERE L IS NOT NULL',
  'CREATE INDEX e ON T (L COLLATE NOCASE, K DESC)',
  `CREATE TRIGGER a AFTER INSERT ON T BEGIN INSERT INTO log VALUES ('insert', NEW.K); END`,
  `CREATE TRIGGER b BEFORE UPDATE ON T WHEN NEW.L >= 2 BEGIN SELECT RAISE(ABORT, 'no "2" or more'); END`,
  `CREATE TRIGGER c AFTER UPDATE ON T WHEN NEW.L < 0 BEGIN SELECT RAISE(ROLLBACK, 'below 0'); END`,
  `CREATE TRIGGER d BEFORE INSERT ON T WHEN NEW.L = 3 BEGIN SELECT RAISE(IGNORE); END`,
  `CREATE TRIGGER g AFTER DELETE ON T WHEN OLD.L > 0 BEGIN SELECT RAISE(FAIL, 'é'); END`,
  `CREATE TRIGGER f INSTEAD OF INSERT ON seen BEGIN INSERT INTO log VALUES (NEW.first, 1); END`
]

const LOG = 'CREATE TABLE log (what, value)'
const logged: Source = {
  from: 'log',
  columns: ['what', 'value'],
  writable: ['what', 'value'],
  isTarget: true
}
const seen: Source = {
  from: 'seen',
  columns: ['"first"', '"a b"', 'first'],
  writable: ['first'],
  isTarget: true
}
const elsewhere: Source[] = [
  { from: '', columns: [], writable: [], isTarget: false },
  {
    from: `(VALUES (1, 'a'), (2, NULL), (-0.0, x'00')) AS v`,
    columns: ['column1', 'column2'],
    writable: [],
    isTarget: false
  },
  {
    from: `json_each('[1, 2.5, "a", null, {"b": [true]}]')`,
    columns: ['key', 'value', 'type', 'fullkey'],
    writable: [],
    isTarget: false
  },
  { from: 'sqlite_schema', columns: ['type', 'name', 'sql'], writable: [], isTarget: false },
  { from: `pragma_table_xinfo('t0')`, columns: ['name', 'type', 'hidden'], writable: [], isTarget: false }
]

function joined(left: Source, right: Source, how: string): Source {
  const columns = [
    ...left.columns.map(name => `x.${name}`),
    ...right.columns.map(name => `y.${name}`),
    ...left.columns
  ]
  const on = how.includes('ON') ? how.replace('L', columns[0]!).replace('R', `y.${right.columns[0]}`) : how
  return { from: on.replace('X', left.from).replace('Y', right.from), columns, writable: [], isTarget: false }
}

const HOW = [
  'X AS x, Y AS y',
  'X AS x JOIN Y AS y ON L = R',
  'X AS x LEFT JOIN Y AS y ON L = R',
  'X AS x FULL JOIN Y AS y ON L <> R',
  'X AS x NATURAL LEFT JOIN Y AS y'
]

/** Up to three tables, what they need, and what can be read from. */
export const schema: fc.Arbitrary<Schema> = fc
  .record({
    tables: fc.array(table, { minLength: 1, maxLength: 3 }),
    extras: fc.subarray(EXTRAS),
    how: fc.constantFrom(...HOW)
  })
  .map(({ tables, extras, how }) => {
    const made = tables.map(toSource)
    const last = made.at(-1)!
    const filled = extras.map(extra =>
      extra
        .replaceAll(/\bT\b/g, last.from)
        .replaceAll(/\bK\b/g, () => last.columns[0]!)
        .replaceAll(/\bL\b/g, () => last.columns.at(-1)!)
    )
    const view = `CREATE VIEW seen AS SELECT ${last.columns[0]} AS first, 1.5 AS "a b" FROM ${last.from}`
    return {
      statements: [...tables.map(toSql), LOG, view, ...filled],
      sources: [...made, ...made, joined(made[0]!, last, how), logged, seen, ...elsewhere]
    }
  })
