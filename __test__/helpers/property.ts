/**
 * What a property does, and the end of what it does last: when its time is up, fast-check goes on while that still runs, on
 * helpers that the end of the test takes away.
 */
export function lasting<Values extends unknown[]>(check: (...values: Values) => Promise<void>) {
  let last = Promise.resolve()
  return { check: (...values: Values) => (last = check(...values)), ended: () => last }
}
