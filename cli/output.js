/**
 * What is said on stdout and stderr: colour only on a terminal that wants it, and no stack trace when the reader has left.
 *
 * Neither stream is touched before something is said: Node makes a pipe non-blocking when it opens it as a stream, and so
 * for whoever has inherited it, such as the command of `sqlock exec`.
 */
'use strict'

const { constants } = require('node:os')
const { SIGNAL } = require('./exit-codes')

const COLOURS = { red: 31, green: 32, yellow: 33, grey: 90 }
const guarded = new Set()

/** `sqlock status … | head`: to be silent is what a program without a handler for SIGPIPE does. */
function leaveWithTheReader(error) {
  if (error.code !== 'EPIPE') throw error
  process.exit(SIGNAL + constants.signals.SIGPIPE)
}

function say(stream, text) {
  if (!guarded.has(stream)) {
    guarded.add(stream)
    // Whoever does not read our complaints may still want our work.
    stream.on('error', stream === process.stderr ? () => {} : leaveWithTheReader)
  }
  stream.write(text)
}

const print = line => say(process.stdout, `${line}\n`)
const printRaw = text => say(process.stdout, text)
const complain = message => say(process.stderr, `sqlock: ${message}\n`)
const printJson = value => print(JSON.stringify(value))

const hasColours = () => process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'

/** https://no-color.org */
const paint = (colour, text) => (hasColours() ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text)

/** Text of others, such as a command line: on a terminal its control characters would do things. */
const printable = text => text.replaceAll(/\p{Cc}|\p{Zl}|\p{Zp}/gu, '\ufffd')

/** A path in a command that is to be copied into a shell. */
const quoted = path => (/^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)

module.exports = { complain, paint, print, printJson, printRaw, printable, quoted }
