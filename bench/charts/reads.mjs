/** How many rows a second are read. */
import { colorOf, figures, rows } from '../lib/chart.mjs'
import { INK } from '../lib/palette.mjs'

export default {
  title: 'Reads',
  scenarios: ['G'],
  plots({ measured }) {
    const values = figures(measured, 'G').filter(({ variant }) => !variant.startsWith('G3'))
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
    const name = { value: { expr: "substring(datum.variant, length('G1 '))" } }
    return [
      {
        what: 'One process; 100,000 rows, or 10,000 with 30 columns, texts or blobs.',
        spec: rows(values, 'variant', name, [span, dots])
      }
    ]
  }
}
