/**
 * Spans of what sqlock does, as OpenTelemetry has them: give `trace()` a tracer of @opentelemetry/api in place of the one at the
 * end, which prints a line for each.
 */
import { subscribe } from 'node:diagnostics_channel'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DB } from 'sqlock'

const ERROR = 2 // SpanStatusCode.ERROR

/** Makes a span of each message. What is told of has ended, so its span begins as long ago as it has lasted. */
function trace(tracer) {
  const record = (name, ms, attributes, error) => {
    const now = Date.now()
    const span = tracer.startSpan(name, { startTime: now - ms, attributes })
    if (error) {
      span.recordException(error)
      span.setStatus({ code: ERROR, message: error.message })
    }
    span.end(now)
  }
  subscribe('sqlock:lock', ({ event, lockPath, waitMs, holdMs, error }) => {
    if (event === 'released') record('lock.hold', holdMs, { 'lock.path': lockPath })
    else record('lock.wait', waitMs, { 'lock.path': lockPath }, error)
  })
  subscribe('sqlock:batch', ({ dbPath, statements, writes, failed, ms }) => {
    const text = {
      'db.system.name': 'sqlite',
      'db.namespace': dbPath,
      'db.query.text': statements.join('; ')
    }
    record('db.batch', ms, { ...text, 'db.operation.batch.size': writes, 'db.failed': failed })
  })
  subscribe('sqlock:checkpoint', ({ dbPath, mode, ms, error }) =>
    record('db.checkpoint', ms, { 'db.namespace': dbPath, 'db.checkpoint.mode': mode }, error)
  )
  subscribe('sqlock:long-hold', ({ lockPath, longHoldMs, stack }) =>
    record('lock.long_hold', longHoldMs, { 'lock.path': lockPath, 'code.stacktrace': stack })
  )
}

trace({
  startSpan: (name, { startTime, attributes }) => ({
    recordException: error => console.log(name, 'failed:', error.message),
    setStatus: () => {},
    end: endTime => console.log(name, `${(endTime - startTime).toFixed(1)} ms`, attributes)
  })
})

const dir = mkdtempSync(join(tmpdir(), 'sqlock-'))
const db = new DB(join(dir, 'app.db'))
await db.transaction(tx => tx.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)'))
await Promise.all([1, 2, 3].map(value => db.run('INSERT INTO t VALUES (?)', value)))
await db.withWriteLock(() => db.batch(['DELETE FROM nothing']).catch(() => {}))
await db.checkpoint('TRUNCATE')
await db.close()
rmSync(dir, { recursive: true })
