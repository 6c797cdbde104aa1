/** The tests of the client with the other versions of Knex. */
import test from 'ava'
import { hasOthers, passWithOthers } from './helpers/versions.ts'

const eachOther = hasOthers('knex') ? test : test.skip
eachOther('the other versions of Knex pass the tests of the client', async t => {
  // Transactions without foreign keys came with 3.2.
  await passWithOthers(t, 'knex', version => version.startsWith('3.1'))
})
