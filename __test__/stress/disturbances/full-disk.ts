import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stage } from '../stage.ts'

/** A file system that is full for up to 300 ms. */
export async function fullDisk(stage: Stage, _who: number, much: number): Promise<void> {
  const filler = join(stage.root, 'filler')
  stage.count('full disks')
  fill(filler)
  await delay(much * 300)
  rmSync(filler)
}

function fill(path: string): void {
  const file = openSync(path, 'w')
  const page = Buffer.alloc(4096)
  try {
    for (;;) writeSync(file, page)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}
