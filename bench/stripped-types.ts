/**
 * `node bin/node.js bench/stripped-types.ts`: what Node's compiler for types takes in a process and in each of its threads, and that a
 * process with bin/stripped-types.js is spared it. Resident memory as Linux tells it, of processes that do nothing else.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { keepStrippedTypes } from '../bin/stripped-files.js'
import { median } from '../src/bench/median.ts'

const ROOT = resolve(import.meta.dirname, '..')
const SOURCE = pathToFileURL(join(ROOT, 'src/bench/median.ts')).href
const PRELOAD = join(ROOT, 'bin/stripped-types.js')
const THREADS = 3
const TIMES = 5

const scratch = mkdtempSync(join(tmpdir(), 'aerie-types-'))
const thread = join(scratch, 'thread.mjs')
const program = join(scratch, 'program.mjs')
writeFileSync(
  thread,
  `import ${JSON.stringify(SOURCE)}
import { parentPort } from 'node:worker_threads'
parentPort.on('message', () => {}).postMessage('loaded')`,
)
writeFileSync(
  program,
  `import ${JSON.stringify(SOURCE)}
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
const resident = () => process.memoryUsage().rss
const alone = resident()
for (let i = 0; i < ${THREADS}; i++) await once(new Worker(${JSON.stringify(thread)}), 'message')
console.log(JSON.stringify([alone, (resident() - alone) / ${THREADS}]))
process.exit()`,
)

function measured(flags: readonly string[]): readonly [process: number, thread: number] {
  const runs = Array.from({ length: TIMES }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, program], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as [number, number]
  })
  return [median(runs.map(([alone]) => alone)), median(runs.map(([, each]) => each))]
}

keepStrippedTypes()
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
for (const [what, flags] of [
  ['types stripped by Node', []],
  ['stripped beforehand', ['--import', PRELOAD]],
] as const) {
  const [alone, each] = measured(flags)
  console.log(`${what}: ${mib(alone)}, and ${mib(each)} more a thread`)
}
rmSync(scratch, { recursive: true })
