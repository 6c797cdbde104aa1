/** Fresh directories and databases that are gone when the test is over. */
import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { DB, WriteLocker } from '../../index.js'
import type { DBOptions, IntegerMode, WriteLockerOptions } from '../../index.js'
import { isWindows } from './system.ts'

export function tmpDir(t: ExecutionContext): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'sqlock-')))
  // Windows lets go of the files of a killed process a moment after its end.
  t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: isWindows ? 10 : 0 }))
  return dir
}

export function openDb<M extends IntegerMode = 'number'>(
  t: ExecutionContext,
  dir = tmpDir(t),
  options?: DBOptions<M>
): DB<M> {
  const db = new DB<M>(join(dir, 'app.db'), options)
  t.teardown(() => db.close())
  return db
}

export function openLocker(t: ExecutionContext, dir = tmpDir(t), options?: WriteLockerOptions): WriteLocker {
  const locker = new WriteLocker(dir, options)
  t.teardown(() => locker.unlock())
  return locker
}

export const lockFile = (dir: string) => join(dir, 'db.lock')
export const lockText = (dir: string) => readFileSync(lockFile(dir), 'utf8')
export const lockSize = (dir: string) => statSync(lockFile(dir)).size
