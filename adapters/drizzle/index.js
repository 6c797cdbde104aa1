'use strict'

const core = require('drizzle-orm')
const cache = require('drizzle-orm/cache/core')
const sqlite = require('drizzle-orm/sqlite-core')
const { defineDriver } = require('./driver')

module.exports = { drizzle: defineDriver({ ...core, ...cache, ...sqlite }) }
