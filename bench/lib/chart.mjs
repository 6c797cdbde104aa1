/** What the specifications of the charts have in common: https://vega.github.io/vega-lite/docs/ tells of their words. */
import { CONTESTANTS, INK } from './palette.mjs'

/** The results of a scenario, or of one variant of it: the median figures of each contestant in one object. */
export function figures(measured, letter, variant = null) {
  const chosen = measured.filter(
    one => one.letter === letter && (variant === null || one.variant === variant)
  )
  if (chosen.length === 0) throw new Error(`the results have no scenario ${letter} ${variant ?? ''}`)
  return chosen.flatMap(one =>
    one.results.map(({ contestant, medians }) => Object.assign({ contestant, variant: one.variant }, medians))
  )
}

/** The colour tells the contestant; a legend above the plot tells the colours. */
export function colorOf(values) {
  const names = [...new Set(values.map(({ contestant }) => contestant))]
  return {
    field: 'contestant',
    type: 'nominal',
    title: null,
    scale: { domain: names, range: names.map(name => CONTESTANTS[name]) },
    legend: { orient: 'top', columns: 2, columnPadding: 18, offset: 14 }
  }
}

/** A line for each contestant, that of sqlock a thick one. */
export function lines(values, { x, y }) {
  return {
    data: { values },
    height: 220,
    mark: { type: 'line', point: { size: 40, filled: true } },
    encoding: {
      x: { type: 'quantitative', ...x },
      y: { type: 'quantitative', ...y },
      color: colorOf(values),
      strokeWidth: { condition: { test: "datum.contestant == 'sqlock'", value: 3 }, value: 1.6 }
    }
  }
}

/** A row for each value of `field`, named above it: the plot has all of the width, on a phone too. */
export function rows(values, field, text, layers) {
  // One of the values of a row bears its name.
  const first = values.filter((value, n) => values.findIndex(other => other[field] === value[field]) === n)
  const names = {
    data: { values: first },
    mark: { type: 'text', align: 'left', x: 0, dy: -15 },
    encoding: { text }
  }
  return {
    data: { values },
    height: first.length * 42,
    encoding: { y: { field, type: 'nominal', sort: null, axis: null } },
    layer: [...layers, names]
  }
}

/** The text of a row: who, and how many milliseconds. */
export function msLabel(field) {
  const ms = `datum['${field}']`
  return { value: { expr: `datum.contestant + ':  ' + format(${ms}, ${ms} < 100 ? '.1f' : ',.0f') + ' ms'` } }
}

/** sqlock in its colour, all others in one. */
export const inOwnColor = {
  condition: { test: "datum.contestant == 'sqlock'", value: CONTESTANTS.sqlock },
  value: INK.faint
}
