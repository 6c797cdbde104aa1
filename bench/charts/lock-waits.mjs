/** How long processes wait for the lock. */
import { figures } from '../lib/chart.mjs'
import { waits } from '../lib/waits.mjs'

const what = '8 processes lock, are busy for 200 us, unlock. Who gives up after 500 ms counts as 500 ms.'

export default {
  title: 'Waits for the lock',
  scenarios: ['B'],
  plots: ({ measured, shares }) => [{ what, spec: waits(figures(measured, 'B', '8 processes'), shares) }]
}
