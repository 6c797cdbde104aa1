/** SQL by another program: a second SQLite library in this process would endanger the locks of the first. */
import type { ExecutionContext } from 'ava'
import { has, run } from './child.ts'

export const hasSql = has('python3')

/** Runs a script on a database file and gives the rows of `query`, if there is one. */
export async function sql(t: ExecutionContext, path: string, script: string, query?: string): Promise<any[]> {
  const program = [
    'import json, sqlite3, sys',
    'path, script, query = sys.argv[1:]',
    'db = sqlite3.connect(path)',
    'db.executescript(script)',
    'db.commit()',
    'print(json.dumps(db.execute(query).fetchall() if query else []))'
  ].join('\n')
  const { stdout, stderr, code } = await run(t, 'python3', ['-c', program, path, script, query ?? ''])
  t.is(code, 0, stderr)
  return JSON.parse(stdout)
}
