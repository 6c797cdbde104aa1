/**
 * Random SQL from rules. A rule is a list of texts with the names of other rules in them: `(<expr> + <expr>)`. What a text becomes
 * depends on a schema that is not known before it is rendered, so a column or a source is only a number in it.
 */
import fc from 'fast-check'

/** A value that stands in a statement: bound, or written out. */
export interface Bound {
  value: unknown
}
/** One of the columns that can be seen from here. */
export interface ColumnNumber {
  column: number
}
/** A piece of a statement that sees the columns of one source, and its FROM clause as `<from>`. */
export interface Scoped {
  source: number
  /** Only a table or a view, as those who write need one. */
  target: boolean
  body: Fragment
}
/** As many values as the table has columns, taken from these. */
export interface Tuple {
  tuple: Fragment[]
}
/** What the scope knows: a FROM clause, the name of the table, the names of its columns. */
export interface Named {
  scope: 'from' | 'target' | 'columns'
}
export type Piece = string | Bound | ColumnNumber | Scoped | Tuple | Named
export type Fragment = Piece[]
export type Rule = fc.Arbitrary<Fragment>

/** The texts of a list, in which at least two spaces, or a new line and some, are between them. */
export const textsOf = (list: string) => list.trim().split(/\s{2,}/)

const NAME = /^<(\w+)>$/

/** Deeper, a rule goes on with the first of its texts. */
const MAX_DEPTH = 4

/**
 * Makes an arbitrary of each rule. A rule begins with its name and a colon, at the beginning of a line. Names that are not among
 * the rules are looked for among the others.
 */
export function grammar(rules: string, others: Record<string, Rule>): Record<string, Rule> {
  return fc.letrec<Record<string, Fragment>>(tie => {
    const toPiece = (part: string) => {
      const name = NAME.exec(part)?.[1]
      return name ? tie(name) : fc.constant([part])
    }
    const toRule = (text: string) => {
      const parts = text === 'ε' ? [] : text.split(/(<\w+>)/)
      return fc.tuple(...parts.map(toPiece)).map(fragments => fragments.flat())
    }
    const options = { maxDepth: MAX_DEPTH, depthIdentifier: fc.createDepthIdentifier() }
    const made = rules.matchAll(/^(\w+):([^]+?)(?=^\w+:|$(?![^]))/gm)
    const entries = Array.from(made, ([, name, list]) => [
      name,
      fc.oneof(options, ...textsOf(list!).map(toRule))
    ])
    return { ...Object.fromEntries(entries), ...others }
  })
}

/** A piece that sees one source. */
export function scoped(rule: Rule, target = false): Rule {
  return fc.tuple(fc.nat(1000), rule).map(([source, body]) => [{ source, target, body }])
}

/** What a scope shows. */
export interface Source {
  /** Without the word FROM; empty for none. */
  from: string
  columns: string[]
  /** The columns that can be written to. */
  writable: string[]
  isTarget: boolean
}

const NOTHING: Source = { from: '', columns: [], writable: [], isTarget: false }

/** The text of a statement. `put` gives what stands for a value. */
export function render(fragment: Fragment, sources: Source[], put: (value: unknown) => string): string {
  const text = (fragment: Fragment, source: Source): string =>
    fragment.map(piece => textOf(piece, source)).join('')
  const textOf = (piece: Piece, source: Source): string => {
    if (typeof piece === 'string') return piece
    if ('value' in piece) return put(piece.value)
    if ('column' in piece) return source.columns[piece.column % source.columns.length] ?? 'NULL'
    if ('tuple' in piece)
      return piece.tuple
        .slice(0, source.writable.length)
        .map(value => text(value, source))
        .join(', ')
    if ('scope' in piece) return named(piece.scope, source)
    const seen = piece.target ? sources.filter(source => source.isTarget) : sources
    return text(piece.body, seen[piece.source % seen.length] ?? NOTHING)
  }
  return text(fragment, NOTHING)
}

function named(what: Named['scope'], { from, writable }: Source): string {
  if (what === 'from') return from && `FROM ${from}`
  return what === 'target' ? from : writable.join(', ')
}
