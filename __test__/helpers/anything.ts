/** Arguments of every kind, for calls that expect something else. Each is made anew for its call: some have a state. */
import { inspect } from 'node:util'
import fc from 'fast-check'

/** What getters and callbacks of the caller throw. */
export class CallersError extends Error {}

export interface Argument {
  /** The value for the call of that number. */
  make: (call: number) => unknown
  [fc.toStringMethod]: () => string
}

export const argument = (name: string, make: Argument['make']): Argument => ({
  make,
  [fc.toStringMethod]: () => name
})
const fixed = (value: unknown) => argument(inspect(value, { maxStringLength: 40 }), () => value)

export const throws = (): never => {
  throw new CallersError('of the caller')
}

const OPTIONS =
  'sql params timeout signal simple table label mode longHoldMs id up readonly integers lock readers href aborted length 0 a'.split(
    ' '
  )

/** What `await` cannot get to the end of. */
// oxlint-disable-next-line unicorn/no-thenable -- callers may have one
export const thenable = () => Object.defineProperty({}, 'then', { value: throws })

const thrower = (names: string[]) =>
  names.reduce((object, name) => Object.defineProperty(object, name, { get: throws, enumerable: true }), {})

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8)
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}

function viewOfDetached(): Uint8Array {
  const view = new Uint8Array(8)
  structuredClone(view.buffer, { transfer: [view.buffer] })
  return view
}

/** A view that ends beyond its buffer. */
function viewOutOfBounds(): DataView {
  const Resizable = ArrayBuffer as any
  const buffer = new Resizable(16, { maxByteLength: 32 })
  const view = new DataView(buffer, 8, 8)
  buffer.resize(4)
  return view
}

function cyclic(): object {
  const object: Record<string, unknown> = { sql: 'SELECT 1' }
  object.self = object.params = object
  return object
}

function cyclicList(): unknown[] {
  const list: unknown[] = []
  list.push(list)
  return list
}

const STRANGE: [string, () => unknown][] = [
  ['a proxy that throws', () => new Proxy({}, { get: throws, ownKeys: throws, getPrototypeOf: throws })],
  ['a proxy without a prototype', () => new Proxy({}, { getPrototypeOf: () => null })],
  ['a proxy of a list that throws', () => new Proxy([], { get: throws })],
  [
    'a proxy of a long list',
    () => new Proxy([], { get: (_, name) => (name === 'length' ? 1e9 : 1n << 70n) })
  ],
  ['a proxy of a function', () => new Proxy(() => 1, { apply: throws })],
  ['a revoked proxy', () => revoked({})],
  ['a revoked list', () => revoked([])],
  ['a revoked function', () => revoked(() => {})],
  ['an object that cannot be shown', () => ({ [inspect.custom]: throws, toString: throws, toJSON: throws })],
  ['an object without a primitive', () => ({ [Symbol.toPrimitive]: throws })],
  ['an object of an own type', () => ({ get [Symbol.toStringTag]() { return throws() } })], // prettier-ignore
  ['a cycle', cyclic],
  ['a list in itself', cyclicList],
  ['nothing for a prototype', () => Object.create(null)],
  ['options that are inherited', () => Object.create({ sql: 'SELECT 1', timeout: -1, readonly: 7 })],
  ['a Date', () => new Date(NaN)],
  ['a RegExp', () => /x/],
  ['a Map', () => new Map([['timeout', 1]])],
  ['a Promise', () => Promise.resolve('SELECT 1')],
  ['a thenable that throws', thenable],
  ['a String object', () => Object('SELECT 1')],
  ['a Number object', () => Object(1)],
  ['an Error', () => new Error('x')],
  ['a generator', () => (function* () {})()],
  ['globalThis', () => globalThis],
  ['a detached ArrayBuffer', detached],
  ['a view of a detached ArrayBuffer', viewOfDetached],
  ['a view out of bounds', viewOutOfBounds],
  ['a SharedArrayBuffer', () => new SharedArrayBuffer(4)],
  ['a view of a SharedArrayBuffer', () => new Uint8Array(new SharedArrayBuffer(4))],
  ['a DataView', () => new DataView(new ArrayBuffer(3), 1)],
  ['big integers', () => new BigInt64Array(2)],
  ['a sparse list', () => new Array(5)],
  ['a list of 2^32 - 1', () => new Array(2 ** 32 - 1)],
  ['a million of characters', () => 'x'.repeat(1e6)],
  ['a million of semicolons', () => ';'.repeat(1e6)],
  ['a million of parentheses', () => `SELECT ${'('.repeat(1e6)}`],
  ['a lone surrogate', () => 'a\udc00'],
  ['a NUL', () => 'SELECT 1\0'],
  ['a signal with a fake', () => ({ aborted: false, addEventListener: throws })],
  ['a fake signal', () => ({ aborted: false, addEventListener() {} })],
  ['a fake signal that is aborted', () => ({ aborted: true, reason: new CallersError('a reason') })],
  ['a fake URL', () => ({ href: 'file:///', protocol: 'file:' })],
  ['another fake URL', () => ({ href: 'x', protocol: 'x:', get hostname() { return throws() } })] // prettier-ignore
]

const numbers = [
  0,
  -0,
  -1,
  1,
  0.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  1e308,
  5e-324
]
const bigints = [0n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), 1n << 1000n]
const others = [undefined, null, true, false, '', Symbol('x'), Symbol.iterator]

const plain = fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }).map(fixed)

export const anything: fc.Arbitrary<Argument> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...STRANGE).map(([name, make]) => argument(name, make)) },
  { weight: 2, arbitrary: fc.constantFrom(...numbers, ...bigints, ...others).map(fixed) },
  {
    weight: 1,
    arbitrary: fc
      .subarray(OPTIONS, { minLength: 1 })
      .map(names => argument(`getters of ${names} that throw`, () => thrower(names)))
  },
  // No path may lead out of the directory of the test.
  { weight: 1, arbitrary: plain.filter(value => !/[/\\]|\.\./.test(value[fc.toStringMethod]())) }
)
