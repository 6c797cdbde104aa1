/** C: one process awaits one createRecord after another. */
import { WRITE } from '../lib/calls.mjs'
import { writeAlone } from '../lib/single.mjs'

/** The pattern is slow: fewer rows of it tell as much. */
const rows = {
  sqlock: 20_000,
  'proper-lockfile + better-sqlite3': 2000,
  'fs-ext + better-sqlite3': 20_000,
  sqlite3: 20_000,
  'better-sqlite3': 20_000,
  libsql: 20_000,
  'node:sqlite': 20_000,
  Turso: 20_000
}

export default {
  letter: 'C',
  title: 'one write after another, one process; latency in ms',
  calls: WRITE,
  unit: 'rows/s',
  better: 'higher',
  contestants: Object.keys(rows),
  async round(contestant) {
    const { rate, ...latency } = await writeAlone(contestant, { rows: rows[contestant], lanes: 1 })
    return { figure: rate, ...latency }
  }
}
