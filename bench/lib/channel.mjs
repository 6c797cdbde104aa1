/** Named messages between the benchmark and a contestant: what is said before anybody listens is kept. */

export class Channel {
  #end
  #heard = new Map()
  #listeners = new Map()
  #failure = null

  /** @param end a ChildProcess, or `process` in a child */
  constructor(end) {
    this.#end = end
    end.on('message', ([name, value]) => {
      const listener = this.#listeners.get(name)
      this.#listeners.delete(name)
      if (listener) listener.resolve(value)
      else this.#heard.set(name, [...(this.#heard.get(name) ?? []), value])
    })
  }

  say(name, value = null) {
    this.#end.send([name, value])
  }

  async hear(name) {
    const kept = this.#heard.get(name)
    if (kept?.length) return kept.shift()
    if (this.#failure) throw this.#failure
    return new Promise((resolve, reject) => {
      this.#listeners.set(name, { resolve, reject })
    })
  }

  /** The other end is gone: nobody waits for it any longer. */
  fail(failure) {
    this.#failure = failure
    for (const { reject } of this.#listeners.values()) reject(failure)
    this.#listeners.clear()
  }
}
