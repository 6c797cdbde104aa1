// Knex is the same instance for `import` and `require`, and so is its client.
import knex from './index.js'

export const { SqlockClient, poolOf } = knex
