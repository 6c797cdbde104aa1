/** Starts the processes of the contestants. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Channel } from './channel.mjs'

const child = fileURLToPath(new URL('child.mjs', import.meta.url))

/** The Node of the contestants: that of the benchmark until another one is chosen. */
let execPath = process.execPath

/** From now on contestants run on this Node. */
export function runOn(runtime) {
  execPath = runtime.execPath
}

/** A process that runs the job `name` of the scenario at `url`. */
export class Contestant extends Channel {
  #process
  #exit

  constructor(url, name, args) {
    // 'advanced' carries typed arrays of latencies as they are.
    const process = fork(child, [url, name, JSON.stringify(args)], { serialization: 'advanced', execPath })
    super(process)
    this.#process = process
    this.#exit = once(process, 'exit').then(([code, signal]) => {
      this.fail(new Error(`${name} ${JSON.stringify(args)} ended early: ${signal ?? code}`))
    })
  }

  /** What the job returned, when its process has ended. */
  async finish() {
    const result = await this.hear('result')
    this.say('bye')
    await this.#exit
    return result
  }

  async kill() {
    this.#process.kill('SIGKILL')
    await this.#exit
  }
}

/** Runs a job once for each of `all` arguments; the jobs say 'ready', and begin together at 'go'. */
export async function together(url, name, all) {
  const contestants = all.map(args => new Contestant(url, name, args))
  try {
    await letGo(contestants)
    return await Promise.all(contestants.map(contestant => contestant.finish()))
  } finally {
    await Promise.all(contestants.map(contestant => contestant.kill()))
  }
}

/** Lets contestants begin at once, when the last of them is ready. */
export async function letGo(contestants) {
  await Promise.all(contestants.map(contestant => contestant.hear('ready')))
  for (const contestant of contestants) contestant.say('go')
}

/** For the jobs of {@link together} and {@link letGo}: waits until all of them are ready. */
export async function begin(channel) {
  channel.say('ready')
  await channel.hear('go')
}
