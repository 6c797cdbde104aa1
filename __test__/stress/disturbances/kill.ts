import { setTimeout as delay } from 'node:timers/promises'
import type { Role, Stage } from '../stage.ts'

/** SIGKILL, half of the times in a hold. */
export async function kill(stage: Stage, who: number, much: number): Promise<void> {
  const role = much < 0.5 ? await holder(stage) : stage.take(who)
  if (!role) return
  if (await stage.replace(role, 'SIGKILL', actor => actor.signal('SIGKILL'))) stage.count('kills')
}

/** The next one that is seen inside, if there is one soon. */
async function holder(stage: Stage): Promise<Role | undefined> {
  for (let look = 0; look < 1000; look++) {
    const role = stage.inside()
    if (role) return role
    await delay(1)
  }
  return undefined
}
