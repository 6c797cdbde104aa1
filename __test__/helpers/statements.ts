/**
 * Random statements, and values to bind: the rules of the SQL that the differential test speaks. Left out is what the two are
 * compiled to do differently, LIKE and GLOB on BLOBs for one, and what belongs to the version of SQLite: EXPLAIN, group_concat()
 * of empty texts as a window, the affinity of a column that RETURNING has compared. ANALYZE too,
 * since each connection learns of its figures in its own time, and orders rows by them that nobody has given an order.
 */
import fc from 'fast-check'
import { type Fragment, type Rule, grammar, scoped, textsOf } from './grammar.ts'

const NUMBERS = [
  0,
  1,
  2,
  3,
  -1,
  0.5,
  -0,
  1e300,
  5e-324,
  Infinity,
  -Infinity,
  2 ** 53 - 1,
  1 - 2 ** 53,
  1e-7,
  123456.789
]
const BIGINTS = [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n), 5n]
const TEXTS = textsOf(`
  a  A  b  1  1.0  0x10  1e3  -0  é  😀  %  it's  "  $.a  $.a[#-1]  2024-02-29 12:00:00  %Y
  {"a": [1, {"b": null}], "c": 1.50}  [1, "é", 2e3]  {"a"
`)
const SPACES = ['', 'a ', ' 12', 'a\0b']
const BYTES = ['', '00', 'ff', '61', '61ff62', 'c3a9', '00000000000000000000']

/** Values that SQLite has, as both libraries take them. */
export const value = fc.oneof(
  fc.constant(null),
  { weight: 3, arbitrary: fc.integer({ min: -2, max: 5 }) },
  fc.constantFrom(...NUMBERS),
  fc.constantFrom(...BIGINTS),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }).filter(n => !Number.isInteger(n) || Number.isSafeInteger(n)),
  { weight: 3, arbitrary: fc.constantFrom(...TEXTS, ...SPACES) },
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.constantFrom(...BYTES).map(hex => Buffer.from(hex, 'hex')),
  fc.uint16Array({ maxLength: 3 }),
  fc.boolean()
)

const bound: Rule = value.map(value => [{ value }])
const column: Rule = fc.nat(1000).map(column => [{ column }])
const named = (scope: 'from' | 'target' | 'columns'): Rule => fc.constant([{ scope }])

/** ε is nothing at all. */
const RULES = grammar(
  `
literal:    'a'  1  0  NULL  x'61'  -1.5  9223372036854775808  -9223372036854775808  1e999  TRUE  0x7fffffffffffffff  .5  X'0'
leaf:       <column>  <column>  <column>  <column>  <bound>  <bound>  <literal>
op:         +  -  *  /  %  ||  =  <>  <  >=  IS  IS NOT  AND  OR  &  |  <<  >>  ->  ->>
type:       INTEGER  TEXT  REAL  BLOB  NUMERIC  INT
collation:  NOCASE  BINARY  RTRIM  none
alias:      a  "a b"  "__proto__"  "1"  "constructor"  é  A  ''  "10"
expr:       <leaf>  <leaf>  <leaf>  <leaf>  (<expr> <op> <expr>)  (<expr> <op> <expr>)  <fn>  <fn>  <subquery>  <agg>
            -<expr>  NOT <expr>  ~<expr>  (<expr> ISNULL)  <expr> COLLATE <collation>  CAST(<expr> AS <type>)  misspelt
            (<expr> BETWEEN <expr> AND <expr>)  (<expr> IN (<expr>, <leaf>))  (<leaf> IN <subquery>)  EXISTS <subquery>
            CASE <expr> WHEN <expr> THEN <expr> ELSE <expr> END  CASE WHEN <expr> THEN <expr> END  "misspelt"
            ((<expr>, <leaf>) < (<leaf>, <expr>))
fn:         abs(<expr>)  length(<expr>)  typeof(<expr>)  typeof(<expr>)  hex(<expr>)  lower(<expr>)  upper(<leaf>)
            substr(<expr>, <leaf>, 2)  coalesce(<expr>, <expr>)  nullif(<expr>, <expr>)  max(<expr>, <expr>)
            round(<expr>, 2)  printf('%d|%s|%.3f|%g|%q|%c', <expr>, <leaf>, <expr>, <leaf>, <leaf>, <leaf>)
            instr(<expr>, <leaf>)  replace(<expr>, <leaf>, <leaf>)  trim(<expr>)  unicode(<expr>)  quote(<expr>)
            char(<leaf>, 65)  iif(<expr>, 1, 2)  zeroblob(<leaf>)  concat(<expr>, <expr>)  octet_length(<expr>)
            json(<expr>)  json_extract(<leaf>, <leaf>)  json_array(<expr>, <leaf>)  json_object('a', <expr>)
            json_type(<leaf>)  json_valid(<expr>)  json_set(<leaf>, '$.a', <expr>)  json_quote(<expr>)  jsonb(<leaf>)
            date(<leaf>)  strftime(<leaf>, <leaf>)  datetime(<leaf>, '+1 month')  unixepoch(<leaf>)  unhex(<leaf>)
            (<text> LIKE <text>)  (<text> GLOB <text>)  soundex(<leaf>)  nothing(<expr>)  abs()
text:       CAST(<leaf> AS TEXT)
agg:        count(*)  count(DISTINCT <expr>)  sum(<expr>)  total(<expr>)  avg(<expr>)  min(<expr>)  max(<expr>)
            group_concat(<expr>, <leaf>)  json_group_array(<expr>)  count(<expr>) FILTER (WHERE <expr>)
            json_group_object(<leaf>, <expr>)  string_agg(DISTINCT <expr>)
window:     row_number() OVER (ORDER BY <expr>)  lag(<expr>, 1, <leaf>) OVER (ORDER BY <expr>)  ntile(2) OVER w
            sum(<expr>) OVER (PARTITION BY <expr> ORDER BY <leaf> ROWS 1 PRECEDING)  first_value(<expr>) OVER w
            dense_rank() OVER (ORDER BY <expr> DESC NULLS LAST)  total(<expr>) OVER ()

item:       <expr>  <expr>  <expr> AS <alias>  <leaf> AS <alias>  <leaf>  *
items:      <item>  <item>, <item>  <item>, <items>
where:      ε  ε  WHERE <expr>  WHERE <column> <op> <leaf>
order:      ε  ε  ORDER BY <expr>  ORDER BY 1 DESC  ORDER BY <leaf> COLLATE NOCASE NULLS LAST, 1  ORDER BY 9
limit:      ε  ε  ε  LIMIT 2  LIMIT <leaf> OFFSET 1  LIMIT -1 OFFSET <bound>
select:     SELECT <items> <from> <where> <order> <limit>  SELECT <items> <from> <where> <order> <limit>
            SELECT DISTINCT <items> <from> <where> <order> <limit>
            SELECT <expr>, <agg> <from> <where> GROUP BY <expr> HAVING <expr> <order>
            SELECT <agg> AS <alias>, <agg> <from> <where>
            SELECT <leaf>, <window> <from> <where> WINDOW w AS (ORDER BY <leaf>) <order>
pair:       SELECT <expr>, <leaf> <from> <where>
compound:   UNION  UNION ALL  EXCEPT  INTERSECT
query:      <select>  <select>  <select>  <select>  <select>
            <pair> <compound> <pair> <order> <limit>
            VALUES (<expr>, 1), (<leaf>, 2)
            SELECT * FROM (<select>)
            WITH c(x, y) AS (<pair>) SELECT *, x AS "x", c.y FROM c JOIN c AS d USING (x) LIMIT 9
            WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5 LIMIT 9) SELECT n, <bound> AS v FROM c
            SELECT <bound> AS a, <bound> AS b, <bound> AS c, <bound> AS d
            SELECT <bound>, <bound> -- ? :p9
            SELECT <bound> AS x\u00a0

or:         ε  ε  ε  OR IGNORE  OR REPLACE  OR FAIL  OR ROLLBACK  OR ABORT
set:        <column> = <bound>  <column> = <expr>  <column> = <bound>, <column> = <expr>  (<column>, <column>) = (1, <leaf>)
returning:  ε  ε  ε  RETURNING *  RETURNING <column> || <leaf>, typeof(<column>), <leaf> AS <alias>  RETURNING misspelt
insert:     INSERT <or> INTO <target> (<columns>) VALUES (<tuple>) <returning>
            INSERT <or> INTO <target> (<columns>) VALUES (<tuple>) <returning>
            INSERT <or> INTO <target> (<columns>) VALUES (<tuple>), (<tuple>), (<tuple>) <returning>
            INSERT INTO <target> (<columns>) VALUES (<tuple>) ON CONFLICT DO NOTHING <returning>
            INSERT INTO <target> (<columns>) VALUES (<tuple>) ON CONFLICT (<column>) DO UPDATE SET <set> <where> <returning>
            REPLACE INTO <target> (<columns>) VALUES (<tuple>)
            INSERT INTO <target> VALUES (<tuple>)
            INSERT INTO <target> DEFAULT VALUES <returning>
            INSERT <or> INTO <target> (<columns>) SELECT <columns> <from> WHERE <expr> LIMIT 3
            WITH c AS (SELECT <columns> <from> LIMIT 2) INSERT <or> INTO <target> (<columns>) SELECT * FROM c WHERE true
change:     UPDATE <or> <target> SET <set> WHERE <expr> <returning>
            UPDATE <or> <target> SET <set> <returning>
            UPDATE <target> SET <set> FROM (SELECT 1 AS one) WHERE one = <leaf>
            DELETE <from> WHERE <expr> <returning>
            DELETE <from> WHERE <column> = <bound>
define:     ALTER TABLE log ADD COLUMN more DEFAULT 7  ALTER TABLE <target> RENAME COLUMN <column> TO renamed
            ALTER TABLE <target> DROP COLUMN <column>  CREATE TABLE made AS SELECT * <from>  DROP TABLE IF EXISTS made
            CREATE TABLE "twice" (a, A)  CREATE TABLE IF NOT EXISTS <target> (a)  CREATE INDEX more ON <target> (<column>)
            CREATE VIRTUAL TABLE words USING fts5 (a, b)  INSERT INTO words VALUES (<bound>, 'a é')
            CREATE VIRTUAL TABLE boxes USING rtree (id, x0, x1)  INSERT INTO boxes VALUES (NULL, <bound>, 5)
            DROP INDEX i  REINDEX  VACUUM  PRAGMA user_version = 5  DETACH nothing
look:       PRAGMA table_info(<target>)  PRAGMA user_version  PRAGMA foreign_key_list("t1")  PRAGMA index_list(<target>)
            PRAGMA foreign_key_check  PRAGMA nothing  PRAGMA foreign_keys  PRAGMA integrity_check  SELECT rowid, * <from>
            SELECT * FROM words WHERE words MATCH 'é'  SELECT * FROM boxes WHERE x0 >= <bound>
`,
  {
    bound,
    column,
    from: named('from'),
    target: named('target'),
    columns: named('columns'),
    tuple: fc.array(bound, { minLength: 5, maxLength: 5 }).map(tuple => [{ tuple }]),
    subquery: subquery()
  }
)

function subquery(): Rule {
  const inner = fc.tuple(column, column).map(columns => columns.flat())
  const text = inner.map(([a, b]): Fragment => [
    'SELECT ',
    a!,
    ' ',
    { scope: 'from' },
    ' ORDER BY ',
    b!,
    ' LIMIT 1'
  ])
  return scoped(text).map(select => ['(', select[0]!, ')'])
}

const rule = (name: string, target = false) => scoped(RULES[name]!, target)

/** Reads, and now and then something else. */
export const statement: Rule = fc.oneof(
  { weight: 12, arbitrary: rule('query') },
  { weight: 4, arbitrary: rule('insert', true) },
  { weight: 2, arbitrary: rule('change', true) },
  { weight: 1, arbitrary: rule('look', true) },
  { weight: 1, arbitrary: rule('define', true) }
)

/** Puts rows into every table. */
export const filling: Rule = rule('insert', true)
