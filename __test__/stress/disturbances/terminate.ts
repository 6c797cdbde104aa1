import type { Stage } from '../stage.ts'

/** worker.terminate() in the middle of its calls; another thread takes its place. */
export async function terminate(stage: Stage, who: number): Promise<void> {
  const actor = stage.takeSqlock(who)?.actor
  if (!actor) return
  stage.doom(`${actor.name}.${actor.terminated++}`)
  stage.count('terminated workers')
  await actor.does('terminate')
  await stage.checkGrant('kill')
}
