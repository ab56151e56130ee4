/** What models take, and what they may. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { resolveConfig } from '../../src/config.ts'
import type { FoundModel } from '../../src/model-facts.ts'
import { gibibytes } from '../../src/serving/bytes-text.ts'
import { findAnswering } from '../../src/serving/find-models.ts'
import { footprintOf } from '../../src/serving/footprint.ts'
import { anonymousBytes, Measurement } from '../../src/serving/measure-load.ts'
import { usualModelMemory } from '../../src/serving/memory-budget.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { openModelSource } from '../../src/weights/model-source.ts'
import { PLAIN, QWEN2, RANK_STABILISED } from '../support/adapters.ts'
import { TINY_WHISPER } from '../support/speech-fixture.ts'

const MiB = 2 ** 20
const FIXTURES = resolve(import.meta.dirname, '../fixtures')

async function foundAt(directory: string): Promise<FoundModel> {
  return { directory, name: 'it', manifest: undefined, ...(await openModelSource(directory)) }
}

describe('the memory of models', () => {
  it('is by itself three quarters of the machine, or of the cgroup where that has less', () => {
    assert.equal(usualModelMemory(16, 0), 12)
    assert.equal(usualModelMemory(16, 8), 6)
    // As a system says it that bounds nothing.
    assert.equal(usualModelMemory(16, 2 ** 63), 12)
  })

  it('is said as people read it', () => {
    assert.deepEqual([320 * MiB, 1.43 * 1024 * MiB, MiB / 2].map(gibibytes), [
      '320 MiB',
      '1.43 GiB',
      '0.5 MiB',
    ])
  })
})

describe('the estimate of what a model takes', () => {
  const flags = { kvCacheBytes: 64 * MiB, encoderCacheBytes: 16 * MiB, encoderSessions: 3 }

  it('is its weights as the backend holds them, its threads, and what its caches may grow to', async () => {
    const { found } = await findAnswering(
      resolveConfig({ flags }),
      {},
      createLogger({ level: 'silent' }),
    )
    await using weights = await found.openWeights()
    const tensors = [...weights.tensors.values()]
    const stored = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
    const floats = tensors.reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 4),
      0,
    )
    assert.ok(floats > stored, 'the starter is not published in floats')
    const native = await footprintOf(
      found,
      'chat',
      resolveConfig({ flags: { ...flags, backend: 'native' } }),
    )
    const onnx = await footprintOf(
      found,
      'chat',
      resolveConfig({ flags: { ...flags, backend: 'onnx' } }),
    )
    assert.deepEqual(native, { mapped: 0, held: stored + 120 * MiB, reserved: 80 * MiB })
    assert.deepEqual(onnx, { mapped: 0, held: floats + 120 * MiB, reserved: 80 * MiB })
  })

  it('has no keys and values of a tower, but the sessions that it may come to have', async () => {
    const found = await foundAt(resolve(FIXTURES, 'radio/radio-v25-norm-adaptors/checkpoint'))
    const { held, reserved } = await footprintOf(found, 'tower', resolveConfig({ flags }))
    assert.equal(reserved - 16 * MiB, 2 * (held - 40 * MiB))
  })

  it('has of its adapters the largest that may be loaded at one time', async () => {
    const found = await foundAt(QWEN2)
    const of = async (more: object) => {
      const config = resolveConfig({ flags: { ...flags, ...more } })
      return (await footprintOf(found, 'chat', config)).reserved - 64 * MiB
    }
    const [plain, both] = [[`a=${PLAIN}`], [`a=${PLAIN}`, `b=${RANK_STABILISED}`]]
    const a = await of({ adapters: plain })
    const b = await of({ adapters: both.slice(1) })
    assert.ok(a > 0 && a < MiB && b > 0 && b < MiB, `${a}, ${b}`)
    assert.equal(await of({ adapters: both }), a + b)
    assert.equal(await of({ adapters: both, maxAdapters: 1 }), Math.max(a, b))
    assert.equal(await of({}), 0)
  })

  it('has no cache of a speech model', async () => {
    const { reserved } = await footprintOf(
      await foundAt(TINY_WHISPER),
      'speech',
      resolveConfig({ flags }),
    )
    assert.equal(reserved, 0)
  })
})

describe('the measurement of a load', () => {
  const estimate = { mapped: 1, held: 100, reserved: 10 }

  it('replaces what was estimated, upwards always', () => {
    assert.equal(new Measurement(1000, 1130).correct(estimate, true).held, 130)
    assert.equal(new Measurement(1000, 1130).correct(estimate, false).held, 130)
  })

  it('and downwards only while nothing was given back that could have been taken again', () => {
    assert.equal(new Measurement(1000, 1060).correct(estimate, false).held, 60)
    assert.equal(new Measurement(1000, 1060).correct(estimate, true).held, 100)
  })

  it('tells nothing where others were at work, or gave back more', () => {
    assert.deepEqual(new Measurement(undefined, 1000).correct(estimate, false), estimate)
    assert.deepEqual(new Measurement(1000, undefined).correct(estimate, false), estimate)
    assert.deepEqual(new Measurement(1000, 900).correct(estimate, false), estimate)
  })

  it('is of what this process holds for itself', {
    skip: process.platform !== 'linux',
  }, async () => {
    const before = (await anonymousBytes())!
    const held = Buffer.alloc(64 * MiB, 1)
    assert.ok((await anonymousBytes())! - before > 32 * MiB, `${held.length}`)
  })
})
