import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from '../stage.ts'

const DAY_S = 86_400

/** CLOCK_REALTIME jumps by up to a day to and fro, in the process that has the environment for it. */
export async function clock(stage: Stage, _who: number, much: number): Promise<void> {
  stage.count('clock jumps')
  setClock(stage, Math.round((much * 2 - 1) * DAY_S))
}

/** Nobody reads a half of it. */
function setClock(stage: Stage, seconds: number): void {
  const file = join(stage.evidence, 'clock')
  writeFileSync(`${file}-next`, `${seconds < 0 ? '' : '+'}${seconds}s\n`)
  renameSync(`${file}-next`, file)
}

/** Found where Linux distributions put it. */
export const libfaketime = readdirSync('/usr/lib', { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .flatMap(({ name }) => [`/usr/lib/${name}/faketime`, `/usr/lib/${name}`])
  .map(dir => join(dir, 'libfaketimeMT.so.1'))
  .find(path => existsSync(path))
if (!libfaketime && process.env.CI) throw new Error('libfaketime is not installed')

/** What gives a process a clock of its own; the monotonic one stays as it is. */
export function clockEnv(stage: Stage): NodeJS.ProcessEnv {
  setClock(stage, 0)
  return {
    LD_PRELOAD: libfaketime,
    FAKETIME_TIMESTAMP_FILE: join(stage.evidence, 'clock'),
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1'
  }
}
