import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stage } from '../stage.ts'

/** No descriptor left but up to three, for up to 300 ms. The one whose clock jumps needs some for that. */
export async function descriptors(stage: Stage, who: number, much: number): Promise<void> {
  const role = stage.take(who, ({ peer, env }) => peer.language === 'sqlock' && !env.LD_PRELOAD)
  if (!role) return
  const { actor } = role
  const limit = (soft: number) => {
    // It may have been killed meanwhile.
    if (actor.alive) execFileSync('prlimit', ['--pid', String(actor.pid), `--nofile=${soft}:`])
  }
  const taken = new Set(readdirSync(`/proc/${actor.pid}/fd`).map(Number))
  let free = 0
  while (taken.has(free)) free++
  stage.count('exhausted descriptors')
  limit(free + Math.floor(much * 4))
  await delay(much * 300)
  limit(1024)
}
