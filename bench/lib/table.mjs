/** The results as an aligned table. */

const RIGHT = /^[-\d∞]/

/** Four digits tell all that a noisy measurement does. */
function format(value) {
  if (value === null) return '-'
  if (typeof value === 'string') return value
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  if (Number.isInteger(value)) return String(value)
  if (Math.abs(value) < 0.01) return value.toPrecision(2)
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3)
}

function ratio(a, b, better) {
  // Noise makes a small difference negative, and that has no ratio.
  if ([a, b].some(value => (value ?? null) === null || value < 0)) return '-'
  const [over, under] = better === 'higher' ? [a, b] : [b, a]
  // Of two that have nothing of what is bad, none is better.
  return `${format(over === under ? 1 : over / under)}x`
}

function bestOf(figures, better) {
  const known = figures.filter(figure => figure !== null)
  if (known.length === 0) return null
  return better === 'higher' ? Math.max(...known) : Math.min(...known)
}

/** Rows of texts: the names of the columns, then one row for each contestant. */
function toRows({ unit, better, results }) {
  const rivals = results.filter(({ contestant }) => contestant !== 'sqlock')
  const best = bestOf(
    rivals.map(({ medians }) => medians.figure),
    better
  )
  const own = results.find(({ contestant }) => contestant === 'sqlock')?.medians.figure
  const { figure: _, ...extras } = results[0].medians
  // Distributions are for the charts.
  const names = Object.keys(extras).filter(name => !Array.isArray(extras[name]))
  const rows = results.map(({ contestant, medians }) => [
    contestant,
    format(medians.figure),
    ratio(medians.figure, best, better),
    contestant === 'sqlock' ? '-' : ratio(own, medians.figure, better),
    ...names.map(name => format(medians[name]))
  ])
  return [['', unit, 'to best rival', 'sqlock is', ...names], ...rows]
}

function align(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)))
  const pad = (text, column, row) =>
    column > 0 && (row === rows[0] || RIGHT.test(text))
      ? text.padStart(widths[column])
      : text.padEnd(widths[column])
  return rows.map(row => `  ${row.map((text, column) => pad(text, column, row)).join('  ')}`.trimEnd())
}

/** One variant of one scenario. */
export function table(measured) {
  const { letter, title, variant, node, calls, better } = measured
  const heading = `${letter}  ${title}${variant ? `: ${variant}` : ''}, Node ${node} (${better} is better)`
  const called = calls ? [`   sqlock ${calls.sqlock}; rivals ${calls.rivals}`] : []
  return [heading, ...called, ...align(toRows(measured)), ''].join('\n')
}
