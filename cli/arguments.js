/** The arguments of a command. What is wrong with them is a UsageError, told in one line. */
'use strict'

const { isUtf8 } = require('node:buffer')
const { readFileSync } = require('node:fs')
const { parseArgs } = require('node:util')

class UsageError extends Error {}

/** Node replaces what is no UTF-8 in an argument, and so would make or read a file of another name. */
function checkEncoding(args) {
  if (!args.some(arg => arg?.includes('\ufffd'))) return
  let given
  try {
    given = readFileSync('/proc/self/cmdline')
  } catch {
    // Without /proc (macOS) nobody can tell; but there, names of files are always UTF-8.
    return
  }
  if (!isUtf8(given))
    throw new UsageError('an argument is not valid UTF-8: rename the file, or use a link to it')
}

/** `{ options, operands }`. There have to be as many operands as there are `names`. */
function readArguments(args, options, names) {
  const { values, positionals } = parsed(args, { ...options, help: { type: 'boolean' } })
  if (values.help) return { options: values, operands: [] }
  if (positionals.length < names.length) throw new UsageError(`${names[positionals.length]} is missing`)
  if (positionals.length > names.length) {
    throw new UsageError(`too many arguments: only ${names.join(' and ')} can be given`)
  }
  const empty = positionals.indexOf('')
  if (empty !== -1) throw new UsageError(`${names[empty]} is empty`)
  return { options: values, operands: positionals }
}

function parsed(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    if (!error.code?.startsWith('ERR_PARSE_ARGS_')) throw error
    // The sentences that follow are advice of several lines.
    throw new UsageError(error.message.split(/\. |\n/)[0].replace(/^[A-Z]/, letter => letter.toLowerCase()))
  }
}

module.exports = { UsageError, checkEncoding, readArguments }
