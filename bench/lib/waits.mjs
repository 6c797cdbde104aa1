/** The distribution of waits, a line for each contestant: the further to the right, the rarer the wait. */
import { lines } from './chart.mjs'

export function waits(results, shares) {
  const values = results.flatMap(({ contestant, waits }) =>
    waits.map((ms, n) => ({ contestant, ms, rarity: 1 / (1 - shares[n]) }))
  )
  const spec = lines(values, {
    x: {
      field: 'rarity',
      title: '% of the waits are shorter (logarithmic)',
      scale: { type: 'log', domain: [1, 100_000] },
      axis: {
        values: [1, 10, 100, 1000, 10_000, 100_000],
        labelExpr: "format(100 - 100 / datum.value, '.5~')",
        labelFlush: false
      }
    },
    y: {
      field: 'ms',
      title: 'ms (logarithmic)',
      scale: { type: 'log' },
      axis: { labelExpr: "format(datum.value, ',~')", tickCount: 6 }
    }
  })
  return { ...spec, mark: { ...spec.mark, point: false } }
}
