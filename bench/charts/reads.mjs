/** How many rows a second are read. */
import { colorOf, figures, rows } from '../lib/chart.mjs'
import { INK } from '../lib/palette.mjs'

export default {
  title: 'Reads',
  scenarios: ['G'],
  plots({ measured }) {
    const reads = measured.filter(({ unit }) => unit === 'rows/s')
    const values = figures(reads, 'G')
    const x = {
      field: 'figure',
      type: 'quantitative',
      title: 'million rows a second',
      axis: { tickCount: 6, labelExpr: 'datum.value / 1e6' }
    }
    const span = {
      mark: { type: 'rule', color: INK.faint },
      encoding: {
        x: { ...x, aggregate: 'min', scale: { zero: true } },
        x2: { field: 'figure', aggregate: 'max' }
      }
    }
    const size = { condition: { test: "datum.contestant == 'sqlock'", value: 170 }, value: 70 }
    const dots = {
      mark: { type: 'point', filled: true, opacity: 1 },
      encoding: { x, size, color: colorOf(values) }
    }
    const name = { field: 'variant' }
    return [
      {
        what: 'One process, warm unless a row says that it is cold.',
        spec: rows(values, 'variant', name, [span, dots])
      }
    ]
  }
}
