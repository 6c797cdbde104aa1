/** All that is done to the actors. */
import type { Stage } from '../stage.ts'
import { block } from './block.ts'
import { clock } from './clock.ts'
import { deleteLock } from './delete-lock.ts'
import { descriptors } from './descriptors.ts'
import { exit } from './exit.ts'
import { freeze } from './freeze.ts'
import { fullDisk } from './full-disk.ts'
import { kill } from './kill.ts'
import { pool } from './pool.ts'
import { terminate } from './terminate.ts'

/** `who` and `much` are parts of 1. */
export type Disturbance = (stage: Stage, who: number, much: number) => Promise<void>

export const disturbances: Record<string, Disturbance> = {
  block,
  clock,
  deleteLock,
  descriptors,
  exit,
  freeze,
  fullDisk,
  kill,
  pool,
  terminate
}
