// The module form of Kysely that `import` gives; what require() gives is another copy of its classes.
import * as kysely from 'kysely'
import dialect from './dialect.js'

export const { SqlockDialect } = dialect(kysely)
