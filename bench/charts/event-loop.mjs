/** For how long the event loop is held up. */
import { figures, inOwnColor, msLabel, rows } from '../lib/chart.mjs'
import { BLOCK } from '../lib/read-rows.mjs'

export default {
  title: 'Longest block of the event loop',
  scenarios: ['D', 'G'],
  plots({ measured }) {
    const cold = figures(measured, 'D', 'cold, a fresh process')
    const warm = figures(measured, 'D', 'warm, the sixth time')
    const reads = figures(measured, 'G', BLOCK.name)
    const longest = [...cold, ...warm].map(value => value['loop block'])
    // Bars that are compared have one scale.
    const domain = [0, Math.max(...longest, ...reads.map(value => value.figure))]
    const bars = (values, field) => {
      const x = {
        field,
        type: 'quantitative',
        title: 'ms',
        scale: { domain, nice: true },
        axis: { tickCount: 6 }
      }
      const bar = { mark: { type: 'bar', height: 12 }, encoding: { x, color: inOwnColor } }
      return rows(values, 'contestant', msLabel(field), [bar])
    }
    return [
      { what: 'While 20,000 rows are written by a fresh process', spec: bars(cold, 'loop block') },
      { what: 'While 20,000 rows are written for the sixth time', spec: bars(warm, 'loop block') },
      { what: 'While 100,000 rows are read, asynchronously', spec: bars(reads, 'figure') }
    ]
  }
}
