/** Random scripts: what both libraries are asked, one step after the other. */
import fc from 'fast-check'
import type { IntegerMode } from '../../index.js'
import type { Forms } from './better.ts'
import { Binder, type Binding, binding } from './binding.ts'
import { type Source, render, textsOf } from './grammar.ts'
import { type Schema, schema } from './schemas.ts'
import { filling, statement } from './statements.ts'

const MODES: IntegerMode[] = ['number', 'bigint', 'auto']
/** What slips into a text, and what it may end with instead: which error a second statement has may be seen or not. */
const SLIPS = textsOf(`--  /*  */  '  "  (  )  ,  FROM  ?  1e  ==  NOT  UNION  [  0x  .  @`).map(
  slip => ` ${slip} `
)
const CHARACTERS = ['', '\0', '\ud800', '\n', '\ufeff', '\u00a0', "'", '(', ')']
const ENDS = ['', ';', ' ; ;', '; SELECT 1', '\n-- end', '; -- end\n/* of it */ ;', ';/* open']

const parts = {
  statement,
  binding,
  forms: fc.array(fc.tuple(fc.constantFrom('pluck' as const, 'raw' as const), fc.boolean()), {
    maxLength: 2
  }) as fc.Arbitrary<Forms>,
  mode: fc.constantFrom(...MODES),
  isScript: fc.oneof({ weight: 30, arbitrary: fc.constant(false) }, fc.constant(true)),
  inTransaction: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
  returned: fc.constantFrom('run' as const, 'getAsync' as const, 'allAsync' as const),
  /** Puts something into the text, or cuts away some of it. */
  slip: fc.oneof(
    { weight: 8, arbitrary: fc.constant(null) },
    fc.record({ at: fc.nat(1000), cut: fc.nat(3), put: fc.constantFrom(...SLIPS, ...CHARACTERS) }),
    fc.record({ at: fc.nat(1000), end: fc.constantFrom(...ENDS) }),
    fc.record({ end: fc.constantFrom(...ENDS) })
  )
}
const step = fc.record(parts)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const fill = fc.record({
  ...parts,
  statement: filling,
  isScript: fc.constant(false),
  slip: fc.constant(null)
})

/** The statements of a run; when one fails, they are shown as what was run. */
export class Script {
  readonly all: Ready[]

  constructor({ statements, sources }: Schema, random: Step[]) {
    this.all = [
      ...statements.map(plain),
      ...random.map(step => ready(step, sources)),
      ...sources.filter(({ isTarget }) => isTarget).map(({ from }) => plain(`SELECT * FROM ${from}`)),
      plain('SELECT type, name, sql FROM sqlite_schema')
    ]
  }

  [fc.toStringMethod](): string {
    return this.all.map(({ sql, ours }) => `${JSON.stringify(sql)} ${fc.stringify(ours)}`).join('\n')
  }
}

/** A schema, rows, and what is done with them. */
export const script: fc.Arbitrary<Script> = fc
  .record({
    schema,
    filling: fc.array(fill, { minLength: 6, maxLength: 12, size: 'max' }),
    steps: fc.array(step, { minLength: 1, maxLength: 25, size: 'max' })
  })
  .map(({ schema, filling, steps }) => new Script(schema, [...filling, ...steps]))

export interface Ready {
  sql: string
  step: Omit<Step, 'statement' | 'binding' | 'slip'>
  /** The arguments for sqlock. */
  ours: any[]
  /** Those for better-sqlite3. */
  theirs: unknown[]
}

/** A parenthesis that slips in would make it a LIMIT of its own, which better-sqlite3 is compiled to take. */
const LIMITED = /^(UPDATE|DELETE).*LIMIT/

function ready(step: Step, sources: Source[]): Ready {
  const { isScript } = step
  // In a script, what slips in may be a parameter: sqlock refuses that, there it is NULL.
  const slip = isScript && step.slip && 'put' in step.slip ? null : step.slip
  // A name or a number next to something that slipped in may be another one, or none.
  const binding: Binding = slip ? { ...step.binding, style: '?', mistake: null } : step.binding
  const binder = new Binder(isScript ? { ...binding, style: 'literal' } : binding)
  const text = render(step.statement, sources, value => binder.put(value))
  const staysAsItIs = !slip || ('put' in slip && LIMITED.test(text))
  return { sql: staysAsItIs ? text : slipped(text, slip), step, ...binder.arguments }
}

function slipped(text: string, slip: NonNullable<Step['slip']>): string {
  const place = 'at' in slip ? slip.at % (text.length + 1) : text.length
  if ('end' in slip) return text.slice(0, place) + slip.end
  return text.slice(0, place) + slip.put + text.slice(place + slip.cut)
}

/** A statement without values, as the schema is made of. */
function plain(sql: string): Ready {
  const step: Ready['step'] = {
    forms: [],
    mode: 'auto',
    isScript: false,
    inTransaction: false,
    returned: 'run'
  }
  return { sql, step, ours: [], theirs: [] }
}
