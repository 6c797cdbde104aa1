import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from '../stage.ts'

/** db.lock is deleted between two holds of others: at the end of our own, as others are let in by it. */
export async function deleteLock(stage: Stage): Promise<void> {
  stage.count('deletions')
  await stage.hold(
    async () => {},
    () => rmSync(join(stage.dir, 'db.lock'))
  )
}
