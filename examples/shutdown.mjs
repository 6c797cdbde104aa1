/**
 * A server that ends well: on SIGTERM or SIGINT it takes no more requests, answers those that it has, closes the database and exits
 * with 0. A write that has not got the lock after the patience is answered with 503; what hangs for longer than that is cut off.
 *
 *     node examples/shutdown.mjs ./data/app.db
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { DB } from 'sqlock'

const [path = './data/app.db', patienceMs = 4000] = process.argv.slice(2)
const LAST_RESORT_MS = 5000

const db = new DB(path, { timeout: 30_000 })

const server = createServer(async (request, response) => {
  const [status, text] = await db.createRecord(request.url, Date.now()).then(
    id => [201, id],
    error => [503, error.message]
  )
  // A connection that is kept for another request would keep the server from its end.
  if (!server.listening) response.setHeader('connection', 'close')
  response.writeHead(status).end(`${text}\n`)
})

async function shutDown() {
  setTimeout(() => process.exit(1), Number(patienceMs) + LAST_RESORT_MS)
  const answered = once(server.close(), 'close')
  await Promise.race([answered, delay(Number(patienceMs))])
  await db.close({ timeout: 0 }) // what waits for the lock is rejected, and answered so; the last one to close checkpoints
  await answered
  process.exit() // a worker of a cluster, under PM2 for one, would not end by itself
}

for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, shutDown)
await once(server.listen(process.env.PORT ?? 0), 'listening')
console.log(`http://localhost:${server.address().port}`)
