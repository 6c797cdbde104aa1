/** better-sqlite3 in the version for the Node of this process. */
import { betterSqlite3On } from './rivals.mjs'

export const { default: Database } = await import(betterSqlite3On(process.version))
