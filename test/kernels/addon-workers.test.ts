/** The addon in many threads, loaded and left again and again. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { ADDON_PATH, NO_ADDON } from '../support/native-programs.ts'

/** Loads the addon, runs attention over a small store on a pool of its own, and ends without closing anything. */
const LIFE = `
  const { parentPort, workerData } = require('node:worker_threads')
  const addon = require(workerData)
  const pool = addon.createPool(3)
  const kv = addon.createKv({ layers: 1, kvHeads: 1, headDim: 64, blockSize: 16, blocks: 4096, type: 'f32' })
  const f32 = (slot) => ({ shape: ['tokens', 64], type: 'f32', slot })
  const program = addon.createProgram(pool, {
    name: 'life', slots: 1, values: [f32(-1), f32(0)], inputs: [{ name: 'x', value: 0 }],
    outputs: [{ name: 'y', value: 1 }], weights: [],
    code: [{ op: 'kvAttention', in: [0, 0, 0], out: 1, layer: 0, heads: 1, kvHeads: 1, headDim: 64, scale: 1, window: 16 }],
  }, [])
  const tokens = 8000
  const y = new Float32Array(tokens * 64)
  const tables = Int32Array.from({ length: 500 }, (_, i) => i)
  program.run({ dims: { tokens }, inputs: [new Float32Array(tokens * 64).fill(1)], outputs: [y], kv, rows: new Int32Array([0, tokens, 0, 0]), tables })
  parentPort.postMessage(y.every((v) => Math.abs(v - 1) < 1e-5))
`

function live(): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(LIFE, { eval: true, workerData: ADDON_PATH })
    let isRight = false
    worker.on('message', (message) => {
      isRight = message === true
    })
    worker.on('error', reject)
    worker.on('exit', (code) =>
      code === 0 ? resolve(isRight) : reject(new Error(`the worker ended with ${code}`)),
    )
  })
}

/** Of this process: resident bytes, threads, mappings. */
function usage() {
  const status = readFileSync('/proc/self/status', 'utf8')
  const number = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1])
  const mappings = readFileSync('/proc/self/maps', 'utf8').split('\n')
  const stores = mappings.filter((line) => {
    const [from, to] = line
      .split(' ')[0]!
      .split('-')
      .map((hex) => Number.parseInt(hex, 16))
    return to! - from! === 4096 * 16 * 64 * 2 * 4
  })
  return { bytes: number('VmRSS') * 1024, threads: number('Threads'), stores: stores.length }
}

describe('the addon in worker threads', { skip: NO_ADDON || process.platform !== 'linux' }, () => {
  it('leaves nothing behind when they end', { timeout: 120_000 }, async () => {
    for (let i = 0; i < 4; i++) assert.ok(await live())
    const before = usage()
    const lives = 24
    for (let i = 0; i < lives; i += 2) {
      assert.deepEqual(await Promise.all([live(), live()]), [true, true])
    }
    const after = usage()
    assert.equal(after.threads, before.threads)
    assert.equal(after.stores, before.stores)
    // A sanitizer keeps what was freed for a while.
    if (process.env['AERIE_TEST_ADDON'] !== undefined) return
    // One life takes 8 MB of keys and values and as much of results.
    const growth = after.bytes - before.bytes
    assert.ok(growth < (lives * 16e6) / 4, `${growth / 1e6} MB more after ${lives} lives`)
  })
})
