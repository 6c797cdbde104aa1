/** For how long the event loop is held up. */
import { figures, inOwnColor, msLabel, rows } from '../lib/chart.mjs'

export default {
  title: 'Longest block of the event loop',
  scenarios: ['D', 'G'],
  plots({ measured }) {
    const writes = figures(measured, 'D')
    const reads = figures(measured, 'G', 'G3 longest event-loop block')
    // Bars that are compared have one scale.
    const domain = [
      0,
      Math.max(...writes.map(value => value['loop delay']), ...reads.map(value => value.figure))
    ]
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
      { what: 'While 20,000 rows are written', spec: bars(writes, 'loop delay') },
      { what: 'While 100,000 rows are read, asynchronously', spec: bars(reads, 'figure') }
    ]
  }
}
