/** I1 to I7 with everything at once: a slice of `npm run test:stress`, and the one thing that I1 leaves out. */
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { eventually } from './helpers/block.ts'
import { run } from './helpers/child.ts'
import { compilePeers, foreign } from './helpers/peer.ts'
import { lockFile, openDb, tmpDir } from './helpers/tmp.ts'
import { type Hold, overlapsOf } from './stress/check-holds.ts'
import { checkRows } from './stress/check-rows.ts'
import { makeTables } from './stress/round.ts'
import { type Role, Stage, processOf } from './stress/stage.ts'

test.before('the peers compile', compilePeers)

test.serial('writers that are killed, frozen and worse overlap never, and lose nothing', async t => {
  t.timeout(300_000, 'a machine that is busy with other tests is slow')
  const command = fileURLToPath(new URL('stress/index.ts', import.meta.url))
  const env = { ...process.env, SQLOCK_STRESS_S: process.env.SQLOCK_STRESS_S ?? '20' }
  // Other tests run at the same time, and mind the load more than this one.
  const args = ['-n', '10', process.execPath, '--import=tsx', command]
  const { code, stdout, stderr } = await run(t, 'nice', args, { env })
  t.log(stdout)
  t.is(code, 0, stderr + stdout)
  for (const none of ['lost', 'doubled', 'overlaps']) t.regex(stdout, new RegExp(`^${none}: 0$`, 'm'))
  for (const some of ['kills', 'freezes', 'acknowledged']) t.regex(stdout, new RegExp(`^${some}: [1-9]`, 'm'))
})

/**
 * Whoever deletes db.lock during a hold lets the next one in beside it. The old holder is frozen here, so that this is
 * seen each time; once it lets go, all are on the new file.
 */
const rust = foreign.filter(({ language }) => language === 'Rust')
if (rust.length > 0 && existsSync('/proc/self/task')) {
  test.serial(
    'I1: db.lock that is deleted during a hold lets others in beside that hold, and beside no other',
    async t => {
      const root = tmpDir(t)
      const stage = new Stage(join(root, 'small'), join(root, 'evidence'))
      t.teardown(() => stage.clear())
      await makeTables(stage)
      // The SQLite of the other peers may not make a checkpoint beside a hold.
      await stage.enterAll(rust)
      const deletedUnder: Hold[] = []
      for (let deletion = 0; deletion < 5; deletion++) {
        const [old, hold] = await freezeInside(t, stage)
        rmSync(lockFile(stage.dir))
        await eventually(t, () => stage.journal().length > hold.from + 1)
        old.actor.signal('SIGCONT')
        deletedUnder.push(hold)
        const deleted = stage.journal().length
        // The second hold of a process is on the new file, whatever its first one was.
        const back = ({ actor }: Role) => holdsOf(stage, actor.name, deleted) > 1
        await eventually(t, () => stage.roles.every(back))
      }
      for (const { actor } of stage.roles) actor.stop()
      for (const { actor } of stage.roles) t.deepEqual(await actor.ended(), [])

      const overlaps = overlapsOf(stage.journal())
      t.log(`${stage.journal().length / 2} holds, ${overlaps.length} overlaps`)
      for (const { from } of deletedUnder) t.true(overlaps.some(([first]) => first.from === from))
      const others = overlaps.filter(([first]) => !deletedUnder.some(({ from }) => from === first.from))
      t.deepEqual(others, [])
      const { acknowledged, ...wrong } = checkRows(openDb(t, stage.dir), stage.notes(), () => false)
      t.true(acknowledged > 0)
      t.deepEqual(wrong, { lost: [], doubled: [], risen: [], unknown: [], torn: [] })
    }
  )
}

/** Freezes a process that uses sqlock while it is inside. */
async function freezeInside(t: ExecutionContext, stage: Stage): Promise<[Role, Hold]> {
  for (;;) {
    await eventually(t, () => stage.inside()?.peer.language === 'sqlock')
    const role = stage.inside()
    if (!role) continue
    role.actor.signal('SIGSTOP')
    await eventually(t, () => isStopped(role.actor.pid))
    // It may have gone on for a while before it stopped, and somebody else after that.
    const journal = stage.journal()
    if (stage.inside() === role) return [role, { name: role.actor.name, from: journal.length - 1 }]
    role.actor.signal('SIGCONT')
  }
}

/** Each of its threads is: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function isStopped(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.every(thread => / T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')))
}

function holdsOf(stage: Stage, process: string, since: number): number {
  const later = stage.journal().slice(since)
  return later.filter(line => line.startsWith('enter') && processOf(line.split(' ')[1]!) === process).length
}
