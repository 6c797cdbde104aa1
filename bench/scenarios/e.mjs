/** E: four processes, each with 64 writes in flight. The rivals without promises have one in flight whatever is asked. */
import { WRITE } from '../lib/calls.mjs'
import { writeInCrowd } from '../lib/crowd.mjs'

export default {
  letter: 'E',
  title: '4 processes, 64 writes in flight each; waits in ms',
  calls: WRITE,
  unit: 'rows/s',
  better: 'higher',
  contestants: ['sqlock', 'better-sqlite3', 'libsql', 'node:sqlite', 'sqlite3'],
  round: contestant => writeInCrowd(contestant, 64)
}
