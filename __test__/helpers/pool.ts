/** The pool of libuv. */
import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(pbkdf2)

/** Keeps its four workers busy for a while. */
export const fillPool = () => Promise.all([1, 2, 3, 4].map(() => derive('a', 'b', 200_000, 64, 'sha512')))
