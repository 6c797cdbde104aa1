/** Waiting for what happens, and seeing that something does not. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'

const NOTHING = Symbol('nothing')

/** Fails if `promise` settles within 10 ms. Returns how to wait until it does settle. */
export async function mustBlock<T>(t: ExecutionContext, promise: Promise<T>): Promise<() => Promise<T>> {
  const settled = promise.then(
    () => 'resolved',
    error => `rejected: ${error}`
  )
  const seen = await Promise.race([settled, delay(10, NOTHING)])
  t.is(seen, NOTHING, 'it should be waiting')
  return () => promise
}

/** Waits until `probe` is true. */
export async function eventually(
  t: ExecutionContext,
  probe: () => boolean | Promise<boolean>
): Promise<void> {
  const start = performance.now()
  let told = false
  while (!(await probe())) {
    await delay(1)
    if (!told && performance.now() - start > 5000) {
      told = true
      t.log('still waiting after 5 s')
    }
  }
}

/** A promise that is resolved by hand. */
export class Gate {
  open!: () => void
  readonly opened = new Promise<void>(resolve => (this.open = resolve))
}

/** What a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<any> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it was not rejected')
}

/** Runs `act` and gives the ms it took. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await act()
  return performance.now() - start
}
