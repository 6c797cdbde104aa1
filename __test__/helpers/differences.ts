/**
 * Where sqlock answers otherwise than better-sqlite3, and is meant to. In everything else they have to agree. What users should
 * know of it stands in docs/better-sqlite3.md.
 */
import type { IntegerMode } from '../../index.js'
import { isKeyed } from './better.ts'
import type { Answer, Column, Description, Failure, Keyed, Outcome, Read, Written } from './better.ts'

/** How often each difference was met. */
export const uses = new Map<string, number>()

export function met(because: string): void {
  uses.set(because, (uses.get(because) ?? 0) + 1)
}

/** Differences in how values are handed over and in how rows come. */
export const FORMS = {
  numbered: '?5 takes a value by its position, there it takes that of the name 5',
  prefixed: 'the name of a value may have its prefix, there it must not',
  tooLarge: "in the mode 'number' an INTEGER that no number can hold is refused, there it is rounded",
  proto: 'a column __proto__ is a key of the row like any other, there it becomes the prototype, or is lost'
}

export interface ValueDifference {
  because: string
  applies(value: any): boolean
  /** What has to be bound there to come to the same. */
  there(value: any): unknown
}

const LONE_SURROGATE = /\p{Surrogate}/u

/** What is refused there too. */
const refused = () => new Date(0)

/** Differences in what a value is bound as. */
export const VALUES: ValueDifference[] = [
  {
    because:
      'a whole number binds as INTEGER, not as REAL: 1 / 2 is 0, and a column without a type stores an INTEGER',
    applies: value => Number.isSafeInteger(value) && !Object.is(value, -0),
    there: BigInt
  },
  {
    because: 'a boolean binds as 0 or 1, there it is refused',
    applies: value => typeof value === 'boolean',
    there: BigInt
  },
  {
    because: 'an ArrayBuffer binds as a BLOB, there it is refused',
    applies: value => value instanceof ArrayBuffer,
    there: value => Buffer.from(value)
  },
  {
    because: 'a DataView binds as a BLOB, better-sqlite3 13 refuses it',
    applies: value => value instanceof DataView,
    there: ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)
  },
  {
    because: 'undefined is refused, there it is NULL: it is a misspelt property more often than a wish',
    applies: value => value === undefined,
    there: refused
  },
  { because: 'NaN is refused, there it is NULL', applies: Number.isNaN, there: refused },
  {
    because: 'a whole number from 2^53 to 2^63, which may have lost digits, is refused, there it is a REAL',
    applies: value => Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) <= 2 ** 63,
    there: refused
  },
  {
    because: 'a lone surrogate is refused, there it is stored as U+FFFD',
    applies: value => typeof value === 'string' && LONE_SURROGATE.test(value),
    there: refused
  }
]

export interface AnswerDifference {
  because: string
  /** What is expected of sqlock, where that is not what came from there. */
  expected(there: Answer, sql: string): Answer | undefined
}

/** A TypeError or a RangeError: which of them it is, is not compared. */
export const REFUSED: Failure = { name: 'an argument is refused', message: '' }

/** What is compared of an outcome. */
export function compared(outcome: Outcome<unknown>): Outcome<unknown> {
  if ('value' in outcome) return outcome
  const { name, code, message } = outcome.error
  return {
    error: [REFUSED.name, 'TypeError', 'RangeError'].includes(name) ? REFUSED : { name, code, message }
  }
}

const isRefusedWith = (message: string, { prepared }: Answer) =>
  prepared && 'error' in prepared && prepared.error.message === message

const isRefusedText = (sql: string) => sql.includes('\0') || LONE_SURROGATE.test(sql)

/** What has to be run there to come to the same. */
export const toTheirText = (sql: string) => (isRefusedText(sql) ? '' : sql)

const misuse = (message: string): Outcome<Description> => ({
  error: { name: 'SqliteError', code: 'SQLITE_MISUSE', message }
})

const COUNTED = /^(\s|;|\ufeff|--.*|\/\*[^]*?\*\/)*(INSERT|REPLACE|WITH|UPDATE|DELETE)/

function uncounted({ prepared, written }: Answer): Answer | undefined {
  if (!written || 'error' in written) return undefined
  return { prepared, written: { value: { ...written.value, changes: 0, lastInsertRowid: 0 } } }
}

/** Of the pragmas in these programs that have an argument, only one that SQLite does not know has no rows and changes nothing. */
function unknownPragma({ prepared, written }: Answer, sql: string): Answer | undefined {
  const [, name] = /PRAGMA[ \t\r\n]+([^ \t\r\n(=;]+)[ \t\r\n]*[(=]/i.exec(sql) ?? []
  if (!name || !written || !prepared || 'error' in prepared) return undefined
  if (prepared.value.reader || !prepared.value.readonly) return undefined
  const message = `PRAGMA ${name.toLowerCase()} is refused: SQLite knows no pragma of that name`
  return {
    prepared: { value: { ...prepared.value, readonly: false } },
    written: { error: { name: 'SqliteError', code: 'SQLITE_AUTH', message } }
  }
}

/** Differences in what a statement comes to. */
export const ANSWERS: AnswerDifference[] = [
  {
    because: 'a pragma that SQLite does not know is refused when it has an argument, there it is passed over',
    expected: unknownPragma
  },
  {
    because: 'what is no INSERT, UPDATE or DELETE has changed and inserted no rows, there a CREATE may have',
    expected: (there, sql) => (COUNTED.test(sql) ? undefined : uncounted(there))
  },
  {
    because:
      'a text with a NUL or a lone surrogate in it is refused, there it is run up to the NUL, or with U+FFFD',
    expected: ({ done }, sql) =>
      isRefusedText(sql) ? { [done ? 'done' : 'prepared']: { error: REFUSED } } : undefined
  },
  {
    because: 'a text without a statement is a SqliteError, there a RangeError',
    expected: there =>
      isRefusedWith('The supplied SQL string contains no statements', there)
        ? { prepared: misuse('the text has no statement in it') }
        : undefined
  },
  {
    because: 'a text with several statements is a SqliteError, there a RangeError',
    expected: there =>
      isRefusedWith('The supplied SQL string contains more than one statement', there)
        ? { prepared: misuse('there are several statements in the text: use exec(), or batch()') }
        : undefined
  }
]

/** What has to be bound there to mean what a value means here. */
export function toTheirs(value: unknown): unknown {
  const difference = VALUES.find(({ applies }) => applies(value))
  if (difference) met(difference.because)
  return difference ? difference.there(value) : value
}

/** What is expected of sqlock. */
export function expectedAnswer(there: Answer, sql: string): Answer {
  return ANSWERS.reduce((answer, difference) => {
    const expected = difference.expected(answer, sql)
    if (expected) met(difference.because)
    return expected ?? answer
  }, there)
}

/** Stands for rows with an INTEGER that no number can hold. */
export const TOO_LARGE = Symbol('too large for a number')

/** The rows that are expected of sqlock. */
export function toOurRows({ rows, raw }: Read, columns: Column[], mode: IntegerMode): unknown {
  const ours = (values: unknown[]) => values.map(value => toOurInteger(value, mode))
  const isPlucked = rows.some(row => !Array.isArray(row) && !isKeyed(row))
  const seen = isPlucked ? raw.map(values => values.slice(0, 1)) : raw
  if (seen.some(values => ours(values).includes(TOO_LARGE))) {
    met(FORMS.tooLarge)
    return TOO_LARGE
  }
  const names = columns.map(({ name }) => name)
  return rows.map((row, n) => {
    if (Array.isArray(row)) return ours(row)
    if (!isKeyed(row)) return toOurInteger(row, mode)
    const { keys, values } = row as Keyed
    if (!names.includes('__proto__')) return { keys, values: ours(values) }
    met(FORMS.proto)
    const object = Object.fromEntries(names.map((name, column) => [name, raw[n]![column]]))
    return { keys: Object.keys(object), values: ours(Object.values(object)) }
  })
}

function toOurInteger(value: unknown, mode: IntegerMode): unknown {
  if (typeof value !== 'bigint' || mode === 'bigint') return value
  if (Number.isSafeInteger(Number(value))) return Number(value)
  return mode === 'auto' ? value : TOO_LARGE
}

export const toOurCounts = ({ changes, lastInsertRowid }: Written) => ({
  changes,
  lastInsertRowid: toOurInteger(BigInt(lastInsertRowid), 'auto')
})
