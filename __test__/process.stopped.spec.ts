/** A holder that is stopped is alive: nobody gets in, and everybody is told who it is. */
import { LockTimeout } from '../index.js'
import { rejection, timed } from './helpers/block.ts'
import { spawnHolder } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

posix('signals')('waiters time out on a stopped holder and name it; once it goes on, so do they', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir)
  holder.child.kill('SIGSTOP')
  const waits = [
    () => openLocker(t, dir).acquire(100),
    () => openDb(t, dir, { timeout: 100 }).createRecord('a', 1)
  ]
  for (const wait of waits) {
    const ms = await timed(async () => {
      const error = await rejection(wait())
      t.true(error instanceof LockTimeout)
      t.is(error.holderInfo.pid, holder.pid)
      t.is(error.holderInfo.alive, true)
    })
    t.log(`late by ${(ms - 100).toFixed(1)} ms`)
  }
  const patient = openDb(t, dir, { timeout: Infinity }).createRecord('b', 2)
  holder.tell('release')
  holder.child.kill('SIGCONT')
  t.is(await holder.says(), 'released')
  t.is(await patient, 1)
})
