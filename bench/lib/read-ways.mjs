/**
 * The ways to read. Each gives two functions on an opened reader: `read()` makes a run, checks no more than costs nothing and
 * returns how many rows it has read; `check()` reads once more and compares everything.
 */
import { checkRow, checkTable, tables } from './read-tables.mjs'
import assert from 'node:assert/strict'

/** Opens the way of a row on a reader. */
export function openWay(reader, row) {
  return ways[row.way](reader, row)
}

const ways = {
  get(reader, { table, sql, rows }) {
    const statement = reader.prepare(sql)
    return oneByOne(id => statement.get(id), table, rows)
  },
  getRecord(reader, { table, rows }) {
    const records = reader.records()
    return oneByOne(id => records.get(id), table, rows)
  },
  all(reader, { table, sql, times }) {
    const statement = reader.prepare(sql)
    return wholeTable(() => statement.all(), table, times)
  },
  getAllRecords(reader, { table, times }) {
    const records = reader.records()
    return wholeTable(() => records.all(), table, times)
  },
  range(reader, { table, sql, size, times }) {
    const statement = reader.prepare(sql)
    // All over the table, and the same for everybody.
    const first = n => 1 + ((n * 7919) % (tables[table].rows - size))
    return {
      read() {
        for (let n = 0; n < times; n++) {
          const from = first(n)
          const rows = statement.all(from, from + size - 1)
          if (rows.length !== size || rows[0].id !== from) assert.fail()
        }
        return times * size
      },
      check() {
        for (let n = 0; n < times; n++) {
          const rows = statement.all(first(n), first(n) + size - 1)
          assert.equal(rows.length, size)
          checkTable(table, rows, first(n))
        }
      }
    }
  },
  iterate(reader, { table, sql }) {
    const statement = reader.prepare(sql)
    const { rows } = tables[table]
    return {
      read() {
        let count = 0
        for (const row of statement.iterate()) if (row.id !== ++count) assert.fail()
        assert(count === rows)
        return rows
      },
      check() {
        let count = 0
        for (const row of statement.iterate()) checkRow(table, row, ++count)
        assert.equal(count, rows)
      }
    }
  }
}

function oneByOne(get, table, rows) {
  return {
    read() {
      for (let id = 1; id <= rows; id++) if (get(id).id !== id) assert.fail()
      return rows
    },
    check() {
      for (let id = 1; id <= rows; id++) checkRow(table, get(id), id)
    }
  }
}

function wholeTable(all, table, times) {
  const { rows } = tables[table]
  return {
    read() {
      for (let n = 0; n < times; n++) assert(all().length === rows)
      return rows * times
    },
    check() {
      const read = all()
      assert.equal(read.length, rows)
      checkTable(table, read)
    }
  }
}
