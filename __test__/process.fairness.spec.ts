/** I4: the lock is shared fairly, among processes that wait for it and with programs that poll. */
import { on } from 'node:events'
import { statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { Actor, has, run } from './helpers/child.ts'
import { PeerProcess, compilePeers, foreign } from './helpers/peer.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

interface Report {
  holds: number
  timeouts: number
  maxWaitMs: number
}

test.before('the peers compile', compilePeers)

/** Processes that leave the lock no rest while `work` is done. */
async function besides(
  t: ExecutionContext,
  dir: string,
  holdsMs: number[],
  work: () => Promise<void>,
  ...timeoutMs: string[]
) {
  const hogs = holdsMs.map(ms => new Actor(t, 'hog.mjs', [dir, String(ms), ...timeoutMs]))
  for (const hog of hogs) t.is(await hog.says(), 'ready')
  for (const hog of hogs) hog.tell('go')
  await work()
  for (const hog of hogs) hog.tell('enough')
  const reports: Report[] = []
  for (const hog of hogs) reports.push(await hog.says<Report>())
  t.log(reports.map(({ holds, maxWaitMs }) => `${holds} holds, waited ${maxWaitMs.toFixed(0)} ms`).join('; '))
  return reports
}

/** The same as an Actor, in a thread of this process. */
class HogThread {
  readonly #worker: Worker
  readonly #heard: AsyncIterator<unknown[]>

  constructor(t: ExecutionContext, argv: string[]) {
    this.#worker = new Worker(new URL('./fixtures/hog.mjs', import.meta.url), { argv, execArgv: [] })
    this.#heard = on(this.#worker, 'message')[Symbol.asyncIterator]()
    t.teardown(() => this.#worker.terminate())
  }

  async says<T = unknown>(): Promise<T> {
    return (await this.#heard.next()).value[0]
  }

  tell(message: string): void {
    this.#worker.postMessage(message)
  }
}

const aSecond = () => new Promise<void>(resolve => setTimeout(resolve, 1000))

test.serial(
  'of eight processes that take the lock again and again none waits until its deadline',
  async t => {
    const reports = await besides(t, tmpDir(t), new Array(8).fill(0.2), aSecond)
    for (const { holds, timeouts } of reports) {
      t.is(timeouts, 0)
      t.true(holds > 0)
    }
  }
)

test.serial(
  'one that holds the lock for 20 ms at a time does not keep those out that need it for a moment',
  async t => {
    const [long, ...short] = await besides(t, tmpDir(t), [20, 0.2, 0.2, 0.2], aSecond)
    t.is(long!.timeouts, 0)
    for (const { holds, timeouts } of short) {
      t.is(timeouts, 0)
      t.true(holds > 0)
    }
  }
)

test.serial('threads and processes that take the lock again and again all have it in time', async t => {
  const dir = tmpDir(t)
  const threads = [1, 2, 3].map(() => new HogThread(t, [dir, '0.2']))
  for (const thread of threads) t.is(await thread.says(), 'ready')
  for (const thread of threads) thread.tell('go')
  const reports = await besides(t, dir, [0.2, 0.2, 0.2], aSecond)
  for (const thread of threads) thread.tell('enough')
  for (const thread of threads) reports.push(await thread.says<Report>())
  for (const { holds, timeouts } of reports) {
    t.is(timeouts, 0)
    t.true(holds > 0)
  }
})

for (const inFlight of [1, 64]) {
  test.serial(
    `writes of a DB, ${inFlight} in flight, get in beside three processes that leave the lock no rest`,
    async t => {
      const dir = tmpDir(t)
      const db = openDb(t, dir)
      let written = 0
      const reports = await besides(t, dir, [0.2, 0.2, 0.2], async () => {
        const writes = async () => {
          for (let n = 0; n < 20; n++, written++) await db.createRecord('a', n)
        }
        await Promise.all(Array.from({ length: inFlight }, writes))
      })
      t.is(db.getAllRecords().length, written)
      for (const { timeouts } of reports) t.is(timeouts, 0)
    }
  )
}

for (const peer of foreign) {
  test.serial(
    `a ${peer.language} program that polls gets in beside four processes that leave the lock no rest`,
    async t => {
      const dir = tmpDir(t)
      await openDb(t, dir).createRecord('first', 0)
      const count = 20
      await besides(t, dir, [0.2, 0.2, 0.2, 0.2], async () => {
        const polling = new PeerProcess(t, peer, 'insert', dir, peer.language, String(count))
        t.is(await polling.says(), 'ready')
        polling.goOn()
        const { written, maxWaitMs } = await polling.reports()
        // Without regard for it, it is refused three times in four.
        t.true(written.length > count / 2, `${written.length} of ${count}`)
        t.log(`${written.length} of ${count}, longest wait ${maxWaitMs.toFixed(0)} ms`)
      })
    }
  )
}

/** A lock file without an access time. A holder that sees an attempt of a program that polls sets one; nobody reads the file. */
function unseen(t: ExecutionContext): { dir: string; path: string; isSeen: () => boolean } {
  const dir = tmpDir(t)
  const path = join(dir, 'db.lock')
  writeFileSync(path, '')
  utimesSync(path, 0, 0)
  return { dir, path, isSeen: () => statSync(path).atimeMs > 0 }
}

const blocking: Record<string, (path: string) => [string, string[]]> = {
  'flock(1)': path => ['sh', ['-c', 'for n in $(seq 60); do flock "$0" true; done', path]],
  Python: path => ['python3', ['-c', REOPENS, path]]
}
const REOPENS = `
import fcntl, os, sys
for n in range(300):
    fd = os.open(sys.argv[1], os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.close(fd)
`

for (const [name, command] of Object.entries(blocking)) {
  const blockingTest = has(name === 'Python' ? 'python3' : 'flock') ? test.serial : test.skip
  blockingTest(
    `a ${name} program that opens db.lock for each hold and blocks is not taken for one that polls`,
    async t => {
      const { dir, path, isSeen } = unseen(t)
      const block = async () => {
        const { code, stderr } = await run(t, ...command(path))
        t.is(code, 0, stderr)
      }
      const both = async () => void (await Promise.all([block(), block()]))
      await besides(t, dir, [0.2, 0.2], both, 'Infinity')
      t.false(isSeen())
    }
  )
}

const withFlock = has('flock') ? test.serial : test.skip
for (const beside of [[], ['flock(1)']]) {
  withFlock(
    `a program that polls is seen${beside.map(name => ` beside ${name}, which blocks`).join('')}`,
    async t => {
      const { dir, path, isSeen } = unseen(t)
      const polls = async () => {
        while (!isSeen()) await run(t, 'flock', ['-n', path, 'true'])
      }
      const all = async () =>
        void (await Promise.all([polls(), ...beside.map(name => run(t, ...blocking[name]!(path)))]))
      await besides(t, dir, [0.2, 0.2], all, 'Infinity')
      t.true(isSeen())
    }
  )
}
