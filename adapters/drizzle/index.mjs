// Drizzle has a copy of its classes for each module form: `import` is given those that the caller's own imports give.
import * as core from 'drizzle-orm'
import * as cache from 'drizzle-orm/cache/core'
import * as sqlite from 'drizzle-orm/sqlite-core'
import driver from './driver.js'

export const drizzle = driver.defineDriver({ ...core, ...cache, ...sqlite })
