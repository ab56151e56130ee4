/** The addon's surface against what nobody should call it with: an error each time, and a process that lives on. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  BLOCKS,
  KV,
  LAYER,
  type Loose,
  loose,
  RECURRENT,
  recurrentRun,
  run,
  SAMPLE,
  STATES,
  WEIGHT,
} from '../support/addon-calls.ts'
import { attempt, below, damage, pick, STRANGE } from '../support/addon-fuzz.ts'
import { addon, NO_ADDON, numbers } from '../support/native-programs.ts'

describe('the surface of the addon', { skip: NO_ADDON }, () => {
  it('takes the calls that the others are damaged forms of', () => {
    const pool = addon().createPool(2)
    const block = loose()['packLinear']!(pool, WEIGHT) as Uint8Array
    const program = addon().createProgram(pool, LAYER, [new Float32Array(16).fill(1), block])
    const options = run()
    program.run(options as unknown as Parameters<typeof program.run>[0])
    assert.ok(options.outputs[0]!.some((v) => v !== 0))
  })

  it('survives any arguments to any function', () => {
    let accepted = 0
    const calls = 4000
    for (let i = 0; i < calls; i++) {
      const f = pick(Object.values(loose()).filter((value) => typeof value === 'function'))
      const values = Array.from({ length: below(7) }, (_, place) =>
        place === 0 && below(3) > 0 ? addon().createPool(1) : pick(STRANGE)(),
      )
      if (attempt(() => f(...values))) accepted++
    }
    assert.ok(accepted < calls)
  })

  it('survives damaged weights, programs, stores and runs', () => {
    const pool = addon().createPool(2)
    const block = loose()['packLinear']!(pool, WEIGHT)
    const weights = [new Float32Array(16).fill(1), block]
    const program = addon().createProgram(pool, LAYER, weights as Uint8Array[]) as unknown as Loose
    let ran = 0
    for (let i = 0; i < 3000; i++) {
      attempt(() => loose()['packLinear']!(pool, damage(WEIGHT)))
      attempt(() => loose()['packLinear']!(pool, damage(BLOCKS)))
      attempt(() => loose()['createKv']!(damage(KV)))
      attempt(() => program['run']!(damage(run())))
      attempt(() => {
        const made = loose()['createProgram']!(
          pool,
          damage(LAYER),
          below(4) ? weights : damage(weights),
        ) as Loose
        if (attempt(() => made['run']!(below(2) ? run() : damage(run())))) ran++
      })
    }
    assert.ok(ran > 0)
    // What survived still computes.
    program['run']!(run())
  })

  it('survives damaged recurrences and their states', () => {
    const pool = addon().createPool(2)
    const weights = [numbers(3, 64), numbers(4, 32), numbers(5, 16)]
    const program = addon().createProgram(pool, RECURRENT, weights) as unknown as Loose
    program['run']!(recurrentRun())
    let ran = 0
    for (let i = 0; i < 3000; i++) {
      attempt(() => loose()['createStates']!(damage(STATES)))
      if (attempt(() => program['run']!(damage(recurrentRun())))) ran++
      attempt(() => {
        const made = loose()['createProgram']!(pool, damage(RECURRENT), weights) as Loose
        attempt(() => made['run']!(recurrentRun()))
      })
    }
    assert.ok(ran > 0)
    program['run']!(recurrentRun())
  })

  it('survives damaged sampling', () => {
    const sampler = addon().createSampler(8) as unknown as Loose
    const logits = numbers(6, 8)
    const chosen = sampler['sample']!(logits, SAMPLE)
    for (let i = 0; i < 5000; i++) {
      attempt(() => sampler['sample']!(below(8) ? logits : pick(STRANGE)(), damage(SAMPLE)))
    }
    assert.deepEqual(sampler['sample']!(logits, SAMPLE), chosen)
  })

  it('survives damaged packed blocks', () => {
    const pool = addon().createPool(1)
    for (const [weight, width] of [[WEIGHT, 16] as const, [BLOCKS, 512] as const]) {
      const whole = loose()['packLinear']!(pool, weight) as Uint8Array
      const original = whole.slice()
      const x = numbers(2, 2 * width)
      assert.ok(attempt(() => addon().linear(pool, whole, x, 2)))
      for (let i = 0; i < 3000; i++) {
        whole.set(original)
        for (let flips = 1 + below(4); flips > 0; flips--) whole[below(160)] = below(256)
        const cut = below(3) === 0 ? whole.subarray(0, below(whole.length)) : whole
        attempt(() => addon().linear(pool, cut, x, 2))
      }
    }
  })

  it('survives damaged blocks of mapped files, and what their getters do', () => {
    const pool = addon().createPool(1)
    const folder = mkdtempSync(join(tmpdir(), 'aerie-fuzz-'))
    const path = join(folder, 'blocks')
    const block = loose()['packLinear']!(pool, WEIGHT) as Uint8Array
    writeFileSync(path, Buffer.concat([block, block]))
    const x = numbers(2, 32)
    let multiplied = 0
    for (let i = 0; i < 800; i++) {
      const file = addon().mapFile(path)
      const mapped = { file, offset: block.length * below(2), bytes: block.length }
      const strange = below(3) ? damage(mapped) : mapped
      if (attempt(() => loose()['linear']!(pool, strange, x, 2))) multiplied++
      attempt(() => {
        const weights = [new Float32Array(20_000).fill(1), strange]
        const made = loose()['createProgram']!(pool, LAYER, weights) as Loose
        made['close']!()
      })
      const norm = new Float32Array(16).fill(1)
      const hostile = Object.defineProperty({ ...mapped }, 'bytes', {
        get() {
          if (below(2)) file.close()
          else structuredClone(norm.buffer, { transfer: [norm.buffer] })
          return block.length
        },
      })
      attempt(() => loose()['createProgram']!(pool, LAYER, [norm, hostile]))
      attempt(() => addon().mapFile(pick([folder, `${path}\0`, `${path}/x`, '/proc/self/mem'])))
    }
    assert.ok(multiplied > 0)
    rmSync(folder, { recursive: true })
  })
})
