/** SQL by another program: a second SQLite library in this process would endanger the locks of the first. */
import type { ExecutionContext } from 'ava'
import { has, run } from './child.ts'
import { Running } from './cli.ts'

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

/** Tries to run a statement, without waiting for others. Gives the message of its error. */
export async function attempt(t: ExecutionContext, path: string, statement: string): Promise<string> {
  const program = [
    'import sqlite3, sys',
    'db = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)',
    'try: db.execute(sys.argv[2])',
    'except sqlite3.Error as error: print(error)'
  ].join('\n')
  const { stdout, stderr, code } = await run(t, 'python3', ['-c', program, path, statement])
  t.is(code, 0, stderr)
  return stdout.trim()
}

/** A program that has run the statements, and keeps what they have begun until its input ends. */
export async function stayIn(t: ExecutionContext, path: string, ...statements: string[]): Promise<Running> {
  const program = [
    'import sqlite3, sys',
    'db = sqlite3.connect(sys.argv[1], isolation_level=None)',
    'for statement in sys.argv[2:]: db.execute(statement).fetchall()',
    "print('there', flush=True)",
    'sys.stdin.read()'
  ].join('\n')
  const other = new Running(t, 'python3', ['-c', program, path, ...statements])
  t.is(await other.line(), 'there', other.stderr)
  return other
}
