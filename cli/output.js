/**
 * What is said on stdout and stderr: colour only on a terminal that wants it, and no stack trace when the reader has left or
 * the disk is full.
 *
 * Neither stream is touched before something is said: Node makes a pipe non-blocking when it opens it as a stream, and so
 * for whoever has inherited it, such as the command of `sqlock exec`.
 */
'use strict'

const { fstatSync, writeSync } = require('node:fs')
const { isatty } = require('node:tty')
const { IO, SIGNAL } = require('./exit-codes')

const COLOURS = { red: 31, green: 32, yellow: 33, grey: 90 }
const guarded = new Set()
/** The reader has left; on Windows it may be called the end of a file. */
const GONE = new Set(['EPIPE', 'EOF'])
/** Its number everywhere: Windows has no such signal. */
const SIGPIPE = 13

/** What a command tells on stdout did not get there. */
class OutputError extends Error {
  constructor(cause) {
    super(`stdout cannot be written to: ${cause.message}`, { cause })
  }
}

function printRaw(text) {
  if (isStream(1)) return writeTo(process.stdout, text, stopPrinting)
  try {
    writeWhole(1, text)
  } catch (error) {
    throw new OutputError(error)
  }
}

/** A caller that does not read our complaints may still want our work, so an error counts for nothing. */
function complain(message) {
  const text = `sqlock: ${message}\n`
  if (isStream(2)) return writeTo(process.stderr, text, () => {})
  try {
    writeWhole(2, text)
  } catch {}
}

/** A pipe, a socket or a terminal: its errors come later, as events. */
function isStream(fd) {
  const stat = fstatSync(fd)
  return stat.isFIFO() || stat.isSocket() || isatty(fd)
}

function writeTo(stream, text, onError) {
  if (!guarded.has(stream)) {
    guarded.add(stream)
    stream.on('error', onError)
  }
  stream.write(text)
}

function stopPrinting(error) {
  // `sqlock status … | head`: to be silent is what a program without a handler for SIGPIPE does.
  if (GONE.has(error.code)) process.exit(SIGNAL + SIGPIPE)
  complain(new OutputError(error).message)
  process.exit(IO)
}

/** A disk that is nearly full takes the beginning of a text. Node's stream for a file does not look how much that was. */
function writeWhole(fd, text) {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
}

const print = line => printRaw(`${line}\n`)
const printJson = value => print(JSON.stringify(value))

const hasColours = () => process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'

/** https://no-color.org */
const paint = (colour, text) => (hasColours() ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text)

/** Names of files, command lines, text of others: on a terminal their control characters would do things. */
const printable = text => text.replaceAll(/\p{Cc}|\p{Zl}|\p{Zp}/gu, '\ufffd')

/** A path in a command that is to be copied into a shell. */
const quoted = path => (/^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)

module.exports = { OutputError, complain, paint, print, printJson, printRaw, printable, quoted }
