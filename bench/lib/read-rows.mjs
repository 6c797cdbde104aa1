/** The reads of scenario G: what is read, and with which call. */

const PLAIN = 'SELECT id, name, value FROM plain'
const ITEMS = 'SELECT id, title, price, stock, created, note, tag, done FROM items'

/** Statements are prepared once, by sqlock and by the rivals. */
const same = call => ({ sqlock: call, rivals: call })

export const READS = [
  {
    name: 'get by id, prepared',
    calls: same('statement.get(id)'),
    way: 'get',
    table: 'plain',
    sql: `${PLAIN} WHERE id = ?`,
    rows: 100_000
  },
  {
    name: 'getRecord(id)',
    calls: { sqlock: 'db.getRecord(id)', rivals: 'statement.get(id)' },
    way: 'getRecord',
    table: 'records',
    rows: 100_000
  },
  {
    name: 'getAllRecords, 100,000 rows',
    calls: { sqlock: 'db.getAllRecords()', rivals: 'statement.all()' },
    way: 'getAllRecords',
    table: 'records',
    times: 1
  },
  {
    name: 'all, 100,000 rows x 3 columns',
    calls: same('statement.all()'),
    way: 'all',
    table: 'plain',
    sql: PLAIN,
    times: 1
  },
  {
    name: 'page of 20 rows x 8 columns by range',
    calls: same('statement.all(from, to)'),
    way: 'range',
    table: 'items',
    sql: `${ITEMS} WHERE id BETWEEN ? AND ?`,
    size: 20,
    times: 2000
  },
  {
    name: '100 rows x 3 columns by range',
    calls: same('statement.all(from, to)'),
    way: 'range',
    table: 'plain',
    sql: `${PLAIN} WHERE id BETWEEN ? AND ?`,
    size: 100,
    times: 1000
  },
  {
    name: '20,000 rows x 8 mixed columns',
    calls: same('statement.all()'),
    way: 'all',
    table: 'items',
    sql: ITEMS,
    times: 4
  },
  {
    name: '5,000 rows x 30 integers',
    calls: same('statement.all()'),
    way: 'all',
    table: 'wide',
    sql: 'SELECT * FROM wide',
    times: 8
  },
  {
    name: 'texts of 1,000 characters',
    calls: same('statement.all()'),
    way: 'all',
    table: 'texts',
    sql: 'SELECT id, body FROM texts',
    times: 4
  },
  {
    name: 'blobs of 1,000 bytes',
    calls: same('statement.all()'),
    way: 'all',
    table: 'blobs',
    sql: 'SELECT id, body FROM blobs',
    times: 4
  },
  {
    name: 'iterate, 100,000 rows x 3 columns',
    calls: same('statement.iterate()'),
    way: 'iterate',
    table: 'plain',
    sql: PLAIN
  }
]

export const FIRST_GETS = {
  ...READS[0],
  name: 'cold: the first 2,000 gets of a fresh process',
  calls: same('db.prepare(sql), statement.get(id)'),
  rows: 2000
}

export const BLOCK = {
  name: 'longest block of the event loop by 100,000 rows x 3 columns',
  calls: { sqlock: 'statement.allAsync()', rivals: 'db.all(sql, callback) or await db.all(sql)' },
  table: 'plain',
  sql: PLAIN
}

export const PEAK = {
  name: 'peak memory of a process that makes each read above twice',
  calls: same('the calls above')
}

export const KEPT = {
  name: 'memory kept by one text of 20 characters out of 5,000 rows x 2 columns',
  calls: same('statement.all(), of which one text is kept'),
  table: 'plain',
  sql: 'SELECT id, name FROM plain WHERE id <= 5000',
  rows: 5000
}
