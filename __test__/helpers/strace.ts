/** What a script does to the system, and what it does when the system refuses. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { prelude, run } from './child.ts'
import { tmpDir } from './tmp.ts'

/** Runs a script like `runScript` under strace; `lines` are the calls. */
export async function strace(t: ExecutionContext, dir: string, options: string[], script: string) {
  const log = join(tmpDir(t), 'strace')
  const args = ['-f', '-y', '-o', log, ...options, process.execPath, '-e', prelude(dir) + script]
  // strace counts the calls of each thread by itself; with one worker the n-th is the n-th.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  const { code, stdout, stderr } = await run(t, 'strace', args, { env })
  t.is(code, 0, stderr)
  return { stdout, stderr, lines: readFileSync(log, 'utf8').split('\n') }
}
