/** The reference tells of everything that index.d.ts declares, and of nothing else. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import ts from 'typescript'
import { warningCodes } from './helpers/sources.ts'

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
const [types, api, errors] = [read('index.d.ts'), read('docs/api.md'), read('docs/errors.md')]
const declarations = ts.createSourceFile('index.d.ts', types, ts.ScriptTarget.Latest).statements

/** What the reference calls an instance. What a DB and a transaction both have is told of the DB. */
const instances = {
  DB: 'db',
  Queryable: 'db',
  Transaction: 'tx',
  Statement: 'statement',
  WriteLocker: 'locker',
  LockGuard: 'guard'
}

/** The names of the members of all that is called so: a class and an interface may be merged. */
function members(name: string): string[] {
  const found = declarations
    .filter(one => (ts.isClassDeclaration(one) || ts.isInterfaceDeclaration(one)) && one.name?.text === name)
    .flatMap(one =>
      Array.from<ts.NamedDeclaration>((one as ts.ClassDeclaration | ts.InterfaceDeclaration).members)
    )
    .map(member => member.name)
    .filter(member => member !== undefined && ts.isIdentifier(member))
  return [...new Set(found.map(member => (member as ts.Identifier).text))]
}

/** A heading of its own, or, for one of a family, a mention: "`statement.get()` is that of the DB". */
const tells = (instance: string, member: string) =>
  new RegExp(`^### ${instance}\\.${member}\\b`, 'm').test(api) || api.includes(`\`${instance}.${member}()\``)

for (const [type, instance] of Object.entries(instances)) {
  test(`the reference tells of each member of ${type}`, t => {
    const names = members(type)
    t.true(names.length > 1)
    t.deepEqual(
      names.filter(name => !tells(instance, name)),
      []
    )
  })
}

test('what the reference has a heading for is there', t => {
  const headings = [...api.matchAll(/^### (db|tx|statement|locker|guard)\.(\w+)/gm)]
  t.true(headings.length > 40)
  for (const [heading, instance, member] of headings) {
    const owners = Object.entries(instances).filter(([, name]) => name === instance)
    t.true(
      owners.some(([type]) => members(type).includes(member as string)),
      heading
    )
  }
})

const options = [
  'DBOptions',
  'WriteLockerOptions',
  'AcquireOptions',
  'MigrateOptions',
  'BackupOptions',
  'Migration'
]
const results = ['RunResult', 'ExecuteResult', 'CheckpointResult', 'LockStatus', 'LockHolder', 'Stats']
for (const type of options.concat(results)) {
  test(`the reference tells of each property of ${type}`, t => {
    const names = members(type)
    t.true(names.length > 1)
    t.deepEqual(
      names.filter(name => !new RegExp(`^ *- .*\`${name}\``, 'm').test(api)),
      []
    )
  })
}

test('each error code and each process warning has a heading, and each heading of that kind is one', t => {
  const codes = new Set(Array.from(types.matchAll(/'(ERR_SQLOCK_[A-Z_]+)'/g), code => code[1]))
  const headings = [...errors.matchAll(/^### ((?:ERR_)?SQLOCK_[A-Z_]+)$/gm)].map(heading => heading[1])
  t.deepEqual(headings.toSorted(), [...codes, ...warningCodes()].toSorted())
})
