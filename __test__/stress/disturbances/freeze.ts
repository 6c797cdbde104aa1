import { setTimeout as delay } from 'node:timers/promises'
import type { Stage } from '../stage.ts'

/** SIGSTOP, and SIGCONT up to 700 ms later, which is beyond the default deadline. */
export async function freeze(stage: Stage, who: number, much: number): Promise<void> {
  const actor = stage.take(who)?.actor
  if (!actor) return
  actor.excused = true
  stage.count('freezes')
  actor.signal('SIGSTOP')
  await delay(much * 700)
  actor.signal('SIGCONT')
}
