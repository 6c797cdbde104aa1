/** Where the addon cannot be loaded, one error says why and what to do. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { run } from './helpers/child.ts'
import { tmpDir } from './helpers/tmp.ts'

const index = fileURLToPath(new URL('../index.js', import.meta.url))
const { napi } = createRequire(import.meta.url)('../package.json')

/** What loading sqlock ends with after `script`, in a process of its own. */
async function loadAfter(t: ExecutionContext, script: string, env: NodeJS.ProcessEnv = {}) {
  const code = `${script}
    try { require(${JSON.stringify(index)}) }
    catch (error) { console.log(JSON.stringify({ name: error.name, code: error.code, message: error.message })) }`
  const { stdout, stderr } = await run(t, process.execPath, ['-e', code], { env: { ...process.env, ...env } })
  t.is(stderr, '')
  return JSON.parse(stdout) as { name: string; code: string; message: string }
}

const pretend = (platform: string, arch: string) =>
  `Object.defineProperties(process, { platform: { value: '${platform}' }, arch: { value: '${arch}' } })`

for (const [platform, arch, tried] of [
  ['linux', 'riscv64', 'sqlock-linux-riscv64-'],
  ['win32', 'x64', 'sqlock-win32-x64-'],
  ['sunos', 'x64', 'Unsupported']
] as const) {
  test(`on ${platform} ${arch} loading fails with what was tried and what to do`, async t => {
    const { name, code, message } = await loadAfter(t, pretend(platform, arch))
    t.is(name, 'SqlockError')
    t.is(code, 'ERR_SQLOCK_NO_BINARY')
    t.true(message.startsWith(`no binary of sqlock can be loaded on ${platform} ${arch}\n`), message)
    t.true(message.includes(tried), message)
    t.regex(message, /cd '.+' && npx .+ npm run build/)
  })
}

test('a binary that is there but cannot be loaded is told apart from one that is missing', async t => {
  const broken = join(tmpDir(t), 'broken.node')
  writeFileSync(broken, 'no ELF')
  const { code, message } = await loadAfter(t, '', { NAPI_RS_NATIVE_LIBRARY_PATH: broken })
  t.is(code, 'ERR_SQLOCK_NO_BINARY')
  t.true(message.includes(`tried: ${broken}: `), message)
})

test('the message names the platforms that packages are made for', async t => {
  const { message } = await loadAfter(t, pretend('sunos', 'x64'))
  const cpus = { x64: 'x86_64', arm64: 'aarch64' }
  const systems = { glibc: 'unknown-linux-gnu', musl: 'unknown-linux-musl', darwin: 'apple-darwin' }
  for (const word of [...Object.keys(cpus), ...Object.keys(systems)]) t.true(message.includes(word), word)
  const promised = Object.values(cpus).flatMap(cpu =>
    Object.values(systems).map(system => `${cpu}-${system}`)
  )
  t.deepEqual(promised.toSorted(), napi.targets.toSorted())
})
