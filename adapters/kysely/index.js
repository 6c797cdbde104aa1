'use strict'

module.exports = require('./dialect')(require('kysely'))
