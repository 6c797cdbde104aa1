/** How long the lock stays taken when its holder is killed. */
import { figures, inOwnColor, msLabel, rows } from '../lib/chart.mjs'

export default {
  title: 'From a crash to the next writer',
  scenarios: ['F'],
  plots({ measured }) {
    const x = {
      field: 'figure',
      type: 'quantitative',
      title: 'ms (logarithmic)',
      scale: { type: 'log', domain: [1, 30_000] },
      axis: { values: [1, 10, 100, 1000, 10_000], format: ',' }
    }
    const dots = {
      mark: { type: 'point', filled: true, size: 120, opacity: 1 },
      encoding: { x, color: inOwnColor }
    }
    const spec = rows(figures(measured, 'F'), 'contestant', msLabel('figure'), [dots])
    return [{ what: 'The holder of the lock is killed with SIGKILL while another process waits.', spec }]
  }
}
