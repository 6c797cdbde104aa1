// The commands of README.md in a process that uses sqlock.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { DB, LockTimeout, WriteLocker } from '../../index.mjs'

const [command, dir, ...args] = process.argv.slice(2)
const locker = new WriteLocker(dir, { label: 'a peer' })
const report = result => console.log(JSON.stringify(result))

/** Says how far it has got, and goes on at a line of stdin or at its end. */
async function stopAt(point) {
  console.log(point)
  await new Promise(resolve => process.stdin.once('data', resolve).once('end', resolve))
  process.stdin.destroy()
}

/** Gives the error of a timeout; any other one is thrown. */
async function timeoutOf(promise) {
  try {
    await promise
    return null
  } catch (error) {
    if (error instanceof LockTimeout) return error
    throw error
  }
}

const commands = {
  async hold(ms = 500) {
    await locker.acquire(Number(ms))
    await stopAt('held')
    await locker.unlock()
    console.log('released')
  },

  async try(ms) {
    const timeout = await timeoutOf(locker.acquire(Number(ms)))
    if (!timeout) return report({ granted: true })
    const { pid, time } = timeout.holderInfo
    return report({ granted: false, pid, since: time })
  },

  async count(times) {
    await stopAt('ready')
    let timeouts = 0
    for (let done = 0; done < Number(times);) {
      if (await timeoutOf(locker.withLock(increment))) timeouts++
      else done++
    }
    report({ timeouts })
  },

  async insert(name, count) {
    const db = new DB(`${dir}/app.db`)
    await stopAt('ready')
    const result = { timeouts: 0, written: [], maxWaitMs: 0 }
    for (let value = 0; value < Number(count); value++) {
      await sleep(5 + Math.random() * 10)
      const called = performance.now()
      if (await timeoutOf(db.createRecord(name, value))) result.timeouts++
      else {
        result.written.push(value)
        result.maxWaitMs = Math.max(result.maxWaitMs, performance.now() - called)
      }
    }
    await db.close()
    report(result)
  }
}

async function increment() {
  writeFileSync(`${dir}/inside`, '', { flag: 'wx' })
  const value = Number(readFileSync(`${dir}/counter`, 'utf8'))
  await sleep(1)
  writeFileSync(`${dir}/counter`, String(value + 1))
  rmSync(`${dir}/inside`)
}

await commands[command](...args)
