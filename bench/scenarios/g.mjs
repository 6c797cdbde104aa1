/**
 * G: reads. Each way is run several times in a process, and the median of all but the first run counts: code that has run before
 * is compiled. The row that is called cold has one run. What is read is compared with what was written.
 */
import { ASYNC_READERS, READERS, openAsyncReader, openReader } from '../lib/readers.mjs'
import { BLOCK, FIRST_GETS, KEPT, PEAK, READS } from '../lib/read-rows.mjs'
import { begin, together } from '../lib/spawn.mjs'
import { checkTable, makeTables, tables } from '../lib/read-tables.mjs'
import { liveMemory, peakMemory } from '../lib/memory.mjs'
import assert from 'node:assert/strict'
import { inFreshDirectory } from '../lib/directory.mjs'
import { longestBlock } from '../lib/event-loop.mjs'
import { median, overRounds } from '../lib/stats.mjs'
import { openWay } from '../lib/read-ways.mjs'
import { setImmediate as nextTurn } from 'node:timers/promises'

const RUNS = 6
/** A cold read is short, and each process makes it once. */
const COLD_STARTS = 9
const KEPT_TEXTS = 500
/** The memory is looked at after so many. */
const TEXTS_EACH = 100

export const jobs = {
  /** Rows a second in each run, by the clock and by the time of the processor. */
  async read({ contestant, path, row }, channel) {
    const reader = await openReader(contestant, path)
    const way = openWay(reader, row)
    await begin(channel)
    const runs = Array.from({ length: RUNS }, () => timed(way.read))
    way.check()
    await reader.close()
    const [first, ...later] = runs
    const medianOf = name => median(later.map(run => run[name]))
    return { figure: medianOf('rate'), first: first.rate, 'per CPU s': medianOf('cpuRate') }
  },
  /** The same with the time to prepare the statement, once. */
  async readFirst({ contestant, path, row }, channel) {
    const reader = await openReader(contestant, path)
    await begin(channel)
    let way
    const first = timed(() => {
      way = openWay(reader, row)
      return way.read()
    })
    way.check()
    await reader.close()
    return { figure: first.rate, 'per CPU s': first.cpuRate }
  },
  async block({ contestant, path, row }, channel) {
    const reader = await openAsyncReader(contestant, path)
    const statement = reader.prepare(row.sql)
    await begin(channel)
    const runs = []
    for (let n = 0; n < RUNS; n++) {
      const { ms, value } = await longestBlock(() => statement.allAsync())
      assert.equal(value.length, tables[row.table].rows)
      checkTable(row.table, value)
      runs.push(ms)
    }
    await reader.close()
    return { figure: median(runs.slice(1)), first: runs[0] }
  },
  async peak({ contestant, path }, channel) {
    const reader = await openReader(contestant, path)
    await begin(channel)
    for (const row of READS) {
      const way = openWay(reader, row)
      for (let n = 0; n < 2; n++) way.read()
      await nextTurn()
    }
    await reader.close()
    return { figure: peakMemory() }
  },
  /** Bytes for each text that is kept. V8 drops code now and then, which a median of several growths does not show. */
  async keep({ contestant, path, row: { sql, table, rows } }, channel) {
    const reader = await openReader(contestant, path)
    const statement = reader.prepare(sql)
    await begin(channel)
    // From all over the result: its beginning may be kept in a smaller piece than the rest.
    const place = n => (n * 7919) % rows
    const texts = []
    const growths = []
    let before = await liveMemory()
    for (let n = 0; n < KEPT_TEXTS; n++) {
      texts.push(statement.all()[place(n)].name)
      await nextTurn()
      if (texts.length % TEXTS_EACH > 0) continue
      const after = await liveMemory()
      const growth = name => (after[name] - before[name]) / TEXTS_EACH
      growths.push({ figure: growth('live'), resident: growth('resident') })
      before = after
    }
    texts.forEach((text, n) => assert.equal(text, tables[table].row(place(n) + 1).name))
    await reader.close()
    return overRounds(growths)
  }
}

const rate = (started, rows) => (rows / (performance.now() - started)) * 1000

/** A busy machine makes a run longer by the clock. The time of the processor is that of all threads of the process. */
function timed(read) {
  const cpu = process.cpuUsage()
  const started = performance.now()
  const rows = read()
  const byClock = rate(started, rows)
  const { user, system } = process.cpuUsage(cpu)
  return { rate: byClock, cpuRate: (rows / (user + system)) * 1e6 }
}

/** Runs a job in fresh processes, one after another, on a database with the tables of `rows`: medians. */
function inProcess(job, contestant, row, { rows = [row], processes = 1 } = {}) {
  return inFreshDirectory(async directory => {
    const path = `${directory}/app.db`
    makeTables(path, new Set(rows.map(({ table }) => table)))
    const results = []
    for (let n = 0; n < processes; n++) {
      results.push(...(await together(import.meta.url, job, [{ contestant, path, row }])))
    }
    return overRounds(results)
  })
}

const reads = { letter: 'G', title: 'reads', contestants: READERS }
const rates = { ...reads, unit: 'rows/s', better: 'higher' }
const memory = { ...reads, better: 'lower' }

export default [
  { ...rates, variants: READS, round: (contestant, row) => inProcess('read', contestant, row) },
  {
    ...rates,
    variants: [FIRST_GETS],
    round: (contestant, row) => inProcess('readFirst', contestant, row, { processes: COLD_STARTS })
  },
  {
    ...memory,
    unit: 'MB',
    variants: [PEAK],
    round: (contestant, row) => inProcess('peak', contestant, row, { rows: READS })
  },
  {
    ...memory,
    unit: 'bytes',
    variants: [KEPT],
    round: (contestant, row) => inProcess('keep', contestant, row)
  },
  {
    ...reads,
    contestants: ASYNC_READERS,
    unit: 'ms',
    better: 'lower',
    variants: [BLOCK],
    round: (contestant, row) => inProcess('block', contestant, row)
  }
]
