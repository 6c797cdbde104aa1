/** What the package exports, and that both module forms give the same. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import test from 'ava'
import * as required from '../index.js'
import { sourcesOfLib } from './helpers/sources.ts'

const require = createRequire(import.meta.url)
const imported = await import(new URL('../index.mjs', import.meta.url).href)
const types = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8')

test('require and import give the same instance', t => {
  const cjs = require('../index.js')
  t.deepEqual(Object.keys(imported).toSorted(), Object.keys(cjs).toSorted())
  for (const name of Object.keys(cjs)) t.is(imported[name], cjs[name], name)
})

test('the types declare what is exported, and nothing else', t => {
  const declared = [...types.matchAll(/^export (?:class|const) (\w+)/gm)].map(match => match[1])
  t.deepEqual(declared.toSorted(), Object.keys(imported).toSorted())
})

test('the error codes that are declared are the ones in the sources', t => {
  const declared = new Set(types.match(/ERR_SQLOCK_[A-Z_]+/g))
  const failures = readFileSync(new URL('../src/node/error.rs', import.meta.url), 'utf8')
  const used = new Set((sourcesOfLib() + failures).match(/ERR_SQLOCK_[A-Z_]+/g))
  t.deepEqual([...used].toSorted(), [...declared].toSorted())
})

test('the versions are told', t => {
  t.is(required.version, require('../package.json').version)
  const [major = 0, minor = 0, patch = 0] = required.sqliteVersion.split('.').map(Number)
  t.true(major * 1e6 + minor * 1e3 + patch >= 3_051_003, 'an older one can lose commits')
})
