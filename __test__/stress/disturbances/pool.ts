import type { Stage } from '../stage.ts'

/** A libuv pool whose workers are all busy, with as much again behind them. */
export async function pool(stage: Stage, who: number, much: number): Promise<void> {
  const actor = stage.takeSqlock(who)?.actor
  if (!actor) return
  actor.excused = true
  stage.count('full pools')
  await actor.does('pool', much)
}
