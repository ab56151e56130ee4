/** Sources without their types, kept for servers: nothing but the source they were made of may ever come out. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { keepStrippedTypes, readStripped, strippedFile } from '../../bin/stripped-files.js'

const ROOT = resolve(import.meta.dirname, '../..')
/** One that no server loads: others may be started meanwhile. */
const SOURCE = resolve(ROOT, 'src/bench/median.ts')
const PRELOAD = resolve(ROOT, 'bin/stripped-types.js')
/** Where Node keeps the compiler that it strips types with. */
const COMPILER = 'NativeModule internal/deps/amaro/dist/index'

const scratch = mkdtempSync(join(tmpdir(), 'aerie-stripped-'))
writeFileSync(
  join(scratch, 'load.mjs'),
  `import ${JSON.stringify(pathToFileURL(SOURCE).href)}
console.log(process.moduleLoadList.includes(${JSON.stringify(COMPILER)}))`,
)
writeFileSync(
  join(scratch, 'thread.mjs'),
  `import { Worker } from 'node:worker_threads'
new Worker(new URL('load.mjs', import.meta.url))`,
)

/** Whether a program that loads SOURCE, in a thread of its own or not, has loaded the compiler. */
function loadsCompiler(flags: readonly string[], { inThread = false } = {}): boolean {
  const program = join(scratch, inThread ? 'thread.mjs' : 'load.mjs')
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, program], { encoding: 'utf8' })
  assert.match(stdout, /^(true|false)\n$/, stderr)
  return stdout === 'true\n'
}

describe('sources without types', () => {
  const kept = strippedFile(SOURCE)!
  let text: string
  before(() => {
    keepStrippedTypes()
    text = readFileSync(kept, 'utf8')
  })
  after(() => {
    writeFileSync(kept, text)
    rmSync(scratch, { recursive: true })
  })

  it('have every line where it was', () => {
    const lines = text.split('\n')
    const source = readFileSync(SOURCE, 'utf8').split('\n')
    const at = source.findIndex((line) => line.startsWith('export function median'))
    assert.match(lines[at]!, /^export function median\(values\s*\)\s*\{/)
  })

  it('spare programs and their threads the compiler', () => {
    for (const inThread of [false, true]) {
      assert.equal(loadsCompiler([], { inThread }), true)
      assert.equal(loadsCompiler(['--import', PRELOAD], { inThread }), false)
    }
  })

  it('are left alone when they are of another source, and made again', () => {
    writeFileSync(kept, text.replace(/.{8}\n$/, 'otherone\n'))
    assert.equal(readStripped(SOURCE), undefined)
    assert.equal(loadsCompiler(['--import', PRELOAD]), true)
    utimesSync(kept, 0, 0)
    keepStrippedTypes()
    assert.equal(readStripped(SOURCE), text)
    assert.ok(statSync(kept).mtimeMs > statSync(SOURCE).mtimeMs)
  })

  it('are of the server alone', () => {
    assert.equal(strippedFile(resolve(ROOT, 'test/run.ts')), undefined)
    assert.equal(strippedFile(resolve(ROOT, '../elsewhere/src/main.ts')), undefined)
    assert.equal(strippedFile(resolve(ROOT, 'bin/aerie.js')), undefined)
  })
})
