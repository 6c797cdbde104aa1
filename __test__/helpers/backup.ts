/** What a backup leaves. */
import { readFileSync, readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { ExecutionContext } from 'ava'
import { DB } from '../../index.js'

/** Opens a database as it is, looks whether it is whole, and gives what `read` reads there. */
export async function readWhole<T>(t: ExecutionContext, path: string, read: (db: DB) => T): Promise<T> {
  const db = new DB(path, { readonly: true })
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
  const found = read(db)
  await db.close()
  return found
}

/** The names of the files that belong to a path. */
export const beside = (path: string) =>
  readdirSync(dirname(path)).filter(name => name.startsWith(basename(path)))

/** Sees later that nothing has become of the file at `path`, and nothing is beside it. */
export function unchanged(t: ExecutionContext, path: string): () => void {
  const [names, bytes] = [beside(path), readFileSync(path)]
  return () => {
    t.deepEqual(beside(path), names)
    t.true(readFileSync(path).equals(bytes))
  }
}
