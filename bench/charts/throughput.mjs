/** How many holds of the lock a second, by the number of processes. */
import { figures, lines } from '../lib/chart.mjs'

export default {
  title: 'Throughput of the lock',
  scenarios: ['B'],
  plots({ measured }) {
    const spec = lines(figures(measured, 'B'), {
      x: {
        field: 'processes',
        title: 'processes (logarithmic)',
        scale: { type: 'log', base: 2 },
        axis: { values: [2, 4, 8, 16], format: 'd', grid: false }
      },
      y: { field: 'figure', title: 'holds a second', scale: { domain: [0, 5000] } }
    })
    const transform = [{ calculate: 'parseInt(datum.variant)', as: 'processes' }]
    return [
      {
        what: 'Processes lock, are busy for 200 us, unlock: 5,000 holds a second would be ideal.',
        spec: { ...spec, transform }
      }
    ]
  }
}
