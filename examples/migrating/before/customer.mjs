/** A customer: 20 orders, one after the other. */
import { order } from './store.mjs'

const [product, name] = process.argv.slice(2)
let refused = 0
for (let n = 0; n < 20; n++) if ((await order(Number(product), name)) === null) refused++
process.send(refused)
process.disconnect()
