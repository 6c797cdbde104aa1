// A process that writes by sqlock, in its main thread and in another one, and does what it is told by lines of stdin.
import { pbkdf2 } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { Work } from './work.mjs'

const [dir, name, evidence] = process.argv.slice(2)
let threads = 0
let worker
await startWorker()
const work = new Work(dir, name, evidence)

const commands = {
  /** Through the event loop and the pool. */
  answer: () => stat('.'),
  block(ms) {
    const start = performance.now()
    while (performance.now() - start < ms);
  },
  pool(much) {
    const hashes = Array.from({ length: 8 }, () =>
      promisify(pbkdf2)('', '', 1 + Math.floor(much * 300_000), 64, 'sha512')
    )
    return Promise.all(hashes)
  },
  async terminate() {
    await worker.terminate()
    await startWorker()
  },
  exit: code => process.exit(code)
}

console.log('ready')
for await (const line of createInterface({ input: process.stdin })) obey(...line.split(' '))
worker.postMessage('enough')
await work.end()

/** Commands overlap, as what they do takes its time. */
async function obey(command, much) {
  await commands[command](Number(much))
  console.log(command)
}

async function startWorker() {
  const workerData = [dir, `${name}.${threads++}`, evidence]
  worker = new Worker(new URL('work.mjs', import.meta.url), { workerData })
  await new Promise(resolve => worker.once('message', resolve))
}
