/** Three customers, which are processes, order more than there is. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { stockUp, summary } from './store.mjs'

const product = stockUp('tea', 50)
const customers = ['Ann', 'Bob', 'Cem'].map(name => fork('./customer.mjs', [String(product), name]))
const refused = await Promise.all(customers.map(async customer => (await once(customer, 'message'))[0]))
console.log(summary(), `refused: ${refused.reduce((sum, count) => sum + count)}`)
