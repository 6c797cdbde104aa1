import type { Stage } from '../stage.ts'

/** process.exit() in the middle of its calls. */
export async function exit(stage: Stage, who: number): Promise<void> {
  const role = stage.takeSqlock(who)
  if (!role) return
  if (await stage.replace(role, 3, actor => actor.tell('exit', 3))) stage.count('exits')
}
