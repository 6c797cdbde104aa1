/**
 * What the demo and its writers have to agree on: the files, the clock, and what a record looks like.
 */
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

export const DATA_DIR = join(process.cwd(), 'data')
export const DB_PATH = join(DATA_DIR, 'app.db')
export const WAL_PATH = `${DB_PATH}-wal`
export const LOCK_PATH = join(DATA_DIR, 'db.lock')

/** Everything a run leaves behind. */
export const DATA_FILES = [DB_PATH, WAL_PATH, `${DB_PATH}-shm`, LOCK_PATH]

/** Milliseconds of the wall clock, finer than Date.now() and the same in every process of the machine. */
export function now() {
  return performance.timeOrigin + performance.now()
}

/** The name of the n-th record of a writer. */
export function nameOf(writer, n) {
  return `writer ${writer}, record ${n}`
}

/** The value a record is updated to. It is created with 0, so a lost update shows. */
export function valueOf(writer, id) {
  return id * 10 + writer
}

/** How the name of a record begins that a writer is not meant to finish. */
export function bigPrefix(writer, megabytes) {
  return `unfinished business of writer ${writer}, ${megabytes} MB `
}

/** A number for people: 12,345. */
export function grouped(number, digits = 0) {
  return number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
