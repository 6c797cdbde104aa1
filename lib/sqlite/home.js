/** Where this copy of sqlock is, for messages. */
'use strict'

const { basename, dirname } = require('node:path')

/** Null in a bundle: an ES module has no `__filename`, and elsewhere it is the one of the bundle. */
const isBundled = typeof __filename === 'undefined' || basename(__filename) !== 'home.js'

module.exports = { home: isBundled ? null : dirname(dirname(dirname(__filename))) }
