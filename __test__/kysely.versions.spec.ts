/** The tests of the dialect with the other versions of Kysely. */
import test from 'ava'
import { hasOthers, passWithOthers } from './helpers/versions.ts'

const eachOther = hasOthers('kysely') ? test : test.skip
eachOther('the other versions of Kysely pass the tests of the dialect', async t => {
  // Signals came with 0.29.
  await passWithOthers(t, 'kysely', version => version.startsWith('0.28'))
})
