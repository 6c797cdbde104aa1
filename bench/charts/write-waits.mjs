/** How long writes take while others write. */
import { figures } from '../lib/chart.mjs'
import { waits } from '../lib/waits.mjs'

const what = '4 processes with 64 writes in flight each, libraries that block with one, for 2 seconds.'

export default {
  title: 'Waits of single writes',
  scenarios: ['E'],
  plots: ({ measured, shares }) => [{ what, spec: waits(figures(measured, 'E'), shares) }]
}
