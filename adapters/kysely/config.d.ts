import type { DatabaseConnection } from 'kysely'
import type { DB } from '../../index.js'

export interface SqlockDialectConfig {
  /** The database, or a function that is called once, by the first query. `destroy()` closes it. */
  database: DB<any> | (() => DB<any> | Promise<DB<any>>)
  /** Called once, by the first query, before that is run. */
  onCreateConnection?: (connection: DatabaseConnection) => Promise<void>
}
