/** E1: four processes, one write in flight each. */
import { WRITE } from '../lib/calls.mjs'
import { writeInCrowd } from '../lib/crowd.mjs'

export default {
  letter: 'E1',
  title: '4 processes, one write in flight each; waits in ms',
  calls: WRITE,
  unit: 'rows/s',
  better: 'higher',
  contestants: [
    'sqlock',
    'proper-lockfile + better-sqlite3',
    'fs-ext + better-sqlite3',
    'better-sqlite3',
    'libsql',
    'node:sqlite'
  ],
  round: contestant => writeInCrowd(contestant, 1)
}
