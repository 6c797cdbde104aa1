/**
 * A contestant's process: runs one job of one scenario.
 *
 * Each contestant has a process of its own. Two SQLite libraries in one process must not have the same file open: closing
 * it in one drops the POSIX locks of the other.
 */
import { Channel } from './channel.mjs'

const [url, name, args] = process.argv.slice(2)
const channel = new Channel(process)
const { jobs } = await import(url)
const result = await jobs[name](JSON.parse(args), channel)
channel.say('result', result)
await channel.hear('bye')
process.disconnect()
