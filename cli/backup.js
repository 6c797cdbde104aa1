/** `sqlock backup`: a copy of a database that others go on writing to. */
'use strict'

const { constants } = require('node:os')
const { DB } = require('../index')
const { UsageError, readArguments } = require('./arguments')
const { SIGNAL } = require('./exit-codes')
const { readHeader } = require('./header')
const { print, printRaw, printable } = require('./output')
const { endingSignals } = require('./signals')

const BAR_WIDTH = 40

const help = `Usage: sqlock backup [--pages-per-step N] FILE DEST

Copies the database FILE to DEST as it is now, while others go on writing. DEST is replaced when the copy is whole:
whatever happens meanwhile, it is the old file or the new one.

  --pages-per-step N   how many pages to copy between two looks at signals and progress, 256 unless told
  --help

On a terminal a bar tells how far it is. A signal that ends it, such as SIGINT, leaves nothing behind.

Exit codes: 0 DEST is there, 128+n it was ended by signal n;
64 wrong usage, 66 FILE is no database, or DEST has no directory, 74 the system or SQLite refuses.`

async function run(args) {
  const given = readArguments(args, { 'pages-per-step': { type: 'string' } }, ['FILE', 'DEST'])
  if (given.options.help) return print(help)
  const pagesPerStep = readPages(given.options['pages-per-step'])
  const [file, destination] = given.operands
  readHeader(file)
  const db = new DB(file, { readonly: true })
  const end = endBySignal()
  try {
    const progress = process.stdout.isTTY ? drawBar : undefined
    const { totalPages } = await db.backup(destination, { progress, pagesPerStep, signal: end.signal })
    print(`${totalPages} pages are in ${printable(destination)}`)
  } catch (error) {
    if (end.signal.aborted) return SIGNAL + constants.signals[end.signal.reason]
    // The destination is what may still be wrong with the arguments.
    throw error instanceof TypeError ? new UsageError(error.message) : error
  } finally {
    await db.close()
  }
}

function readPages(text) {
  if (text === undefined) return undefined
  const pages = Number(text)
  if (!/^\d+$/.test(text) || pages < 1 || pages > 0x7fff_ffff) {
    throw new UsageError(`--pages-per-step has to be a number of pages from 1 on`)
  }
  return pages
}

/** The first signal calls the copy off, the second one is that of a program without handlers. */
function endBySignal() {
  const controller = new AbortController()
  for (const signal of endingSignals()) process.once(signal, () => controller.abort(signal))
  return controller
}

/** One line, drawn over the last one. */
function drawBar({ totalPages, remainingPages }) {
  const done = totalPages === 0 ? 1 : 1 - remainingPages / totalPages
  const filled = Math.round(done * BAR_WIDTH)
  const bar = '#'.repeat(filled) + '.'.repeat(BAR_WIDTH - filled)
  printRaw(`\r${bar} ${String(Math.floor(done * 100)).padStart(3)} %${remainingPages === 0 ? '\n' : ''}`)
}

module.exports = { name: 'backup', summary: 'copies a database while others write', help, run }
