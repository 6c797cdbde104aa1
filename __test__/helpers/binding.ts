/** How the values of a statement are handed over: by position, by number, by name, right and wrong. */
import fc from 'fast-check'
import { FORMS, met, toTheirs } from './differences.ts'

/** What stands in the text for a value. */
const STYLES = ['?', '?', '?', '?1', ':p', '@p', '$p', 'both'] as const

/** What is no value of SQLite, or not of each of the two. */
const LOSSY = [undefined, NaN, 2 ** 53, -(2 ** 60), 2n ** 63n, -(2n ** 70n), '\ud800', 'a\udc00b', true]
const OBJECTS = [
  new ArrayBuffer(3),
  new Float64Array(2),
  new DataView(new ArrayBuffer(2)),
  new Date(0),
  new Map()
]

export const binding = fc.record({
  style: fc.constantFrom(...STYLES),
  /** Do several places of a text take the same value? */
  repeats: fc.boolean(),
  /** In one array? Or, by names: with their prefixes? */
  wrapped: fc.boolean(),
  mistake: fc.oneof(
    { weight: 12, arbitrary: fc.constant(null) },
    fc.constantFrom('missing' as const, 'extra' as const),
    fc.record({ odd: fc.constantFrom(...LOSSY, ...OBJECTS), at: fc.nat(5) })
  )
})
type Given = typeof binding extends fc.Arbitrary<infer T> ? T : never
/** Values may also be written out. */
export type Binding = Omit<Given, 'style'> & { style: Given['style'] | 'literal' }

const REPEATED = 3

/** Gathers the values of a text while it is rendered. */
export class Binder {
  readonly #binding: Binding
  readonly #values: unknown[] = []
  #count = 0

  constructor(binding: Binding) {
    this.#binding = binding
  }

  /** What stands for this value in the text. */
  put(value: unknown): string {
    if (this.#binding.style === 'literal') return literal(value)
    const n = this.#count++
    const isAgain = this.#repeats && n >= REPEATED
    if (!isAgain) this.#values.push(value)
    const place = isAgain ? n % REPEATED : n
    if (this.#binding.style === '?1') return `?${place + 1}`
    if (this.#binding.style === '?' || (this.#binding.style === 'both' && place % 2 === 0)) return '?'
    return `${this.#prefix}p${place}`
  }

  /** The arguments for sqlock, and those for better-sqlite3. */
  get arguments(): { ours: unknown[]; theirs: unknown[] } {
    const { mistake, wrapped } = this.#binding
    const values: unknown[] = [...this.#values]
    if (mistake === 'missing') values.pop()
    else if (mistake !== null && mistake !== 'extra' && values.length > 0)
      values[mistake.at % values.length] = mistake.odd
    const more = mistake === 'extra' ? ['one too many'] : []
    const there = values.map(toTheirs)
    const named = (prefix: string, values: unknown[]) => this.#named(prefix, values)
    switch (this.#binding.style) {
      case 'literal':
        return { ours: [], theirs: [] }
      case '?':
        if (wrapped) return { ours: [[...values, ...more]], theirs: [[...there, ...more]] }
        return { ours: [...values, ...more], theirs: [...there, ...more] }
      case '?1': {
        met(FORMS.numbered)
        const byNumber = Object.fromEntries(there.map((value, n) => [n + 1, value]))
        return { ours: [...values, ...more], theirs: [...more, byNumber] }
      }
      default: {
        if (wrapped) met(FORMS.prefixed)
        const first = (all: unknown[]) =>
          this.#binding.style === 'both' ? all.filter((_, n) => n % 2 === 0) : []
        return {
          ours: [...first(values), ...more, named(wrapped ? this.#prefix : '', values)],
          theirs: [...first(there), ...more, named('', there)]
        }
      }
    }
  }

  get #repeats(): boolean {
    return this.#binding.repeats && !['?', 'both'].includes(this.#binding.style)
  }

  get #prefix(): string {
    return this.#binding.style === 'both' ? ':' : this.#binding.style[0]!
  }

  #named(prefix: string, values: unknown[]): object {
    const entries = values.map((value, n) => [`${prefix}p${n}`, value] as const)
    const named = this.#binding.style === 'both' ? entries.filter((_, n) => n % 2 === 1) : entries
    return Object.fromEntries([...named, ['unknown', 1]])
  }
}

function literal(value: unknown): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return `'${value.replaceAll("'", "''").replaceAll('\0', '')}'`
  if (ArrayBuffer.isView(value))
    return `x'${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}'`
  if (Object.is(value, -0)) return '-0.0'
  return String(value).replace('Infinity', '1e999')
}
