/**
 * The addon. The one file that requires it.
 */
'use strict'

const { SqlockError } = require('../base/errors')
const { home } = require('./home')

const binding = load()

function load() {
  try {
    return require('../../binding')
  } catch (cause) {
    throw noBinary(cause)
  }
}

/** The attempts of the generated loader are a chain of causes, the last attempt first. Its own advice does not fit here. */
function noBinary(cause) {
  const attempts = []
  for (let error = cause.cause; error; error = error.cause) attempts.unshift(error.message.split('\n')[0])
  const message = [
    `no binary of sqlock can be loaded on ${process.platform} ${process.arch}`,
    ...attempts.map(attempt => `  tried: ${attempt}`),
    '  there are binaries for linux (glibc, musl) and darwin, x64 and arm64: npm installs the right one as an optional dependency',
    ...advice()
  ].join('\n')
  return new SqlockError('ERR_SQLOCK_NO_BINARY', message, { cause })
}

function advice() {
  if (home === null) {
    return [
      '  this is a bundle: tell the bundler that sqlock is external, or let it copy the .node file beside the bundle'
    ]
  }
  return [
    '  install again without --omit=optional, on the system that runs it; or build it with Rust and a C compiler:',
    `  cd '${home}' && npx --package=@napi-rs/cli@3 npm run build`
  ]
}

module.exports = binding
