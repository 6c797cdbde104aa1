/**
 * J: the latency of 100,000 commits, checkpoints included.
 *
 * One write in a thousand meets a checkpoint, so p99.9 lies on the edge of them; p99.95 is one of them for sure.
 */
import { WRITE } from '../lib/calls.mjs'
import { writeAlone } from '../lib/single.mjs'

const ROWS = 100_000

export default {
  letter: 'J',
  title: 'latency of 100,000 single-row writes, one process',
  calls: WRITE,
  unit: 'ms (p99.9)',
  better: 'lower',
  variants: [1, 64].map(lanes => ({ name: `${lanes} in flight`, lanes })),
  contestants: ['sqlock', 'sqlite3', 'better-sqlite3', 'libsql', 'node:sqlite', 'Turso'],
  async round(contestant, { lanes }) {
    const { rate, 'p99.9': figure, ...latency } = await writeAlone(contestant, { rows: ROWS, lanes })
    return { figure, ...latency, 'rows/s': rate }
  }
}
