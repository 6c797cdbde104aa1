import type { Stage } from '../stage.ts'

/** An event loop that does nothing else for up to 700 ms. */
export async function block(stage: Stage, who: number, much: number): Promise<void> {
  const actor = stage.takeSqlock(who)?.actor
  if (!actor) return
  actor.excused = true
  stage.count('blocked event loops')
  await actor.does('block', much * 700)
}
