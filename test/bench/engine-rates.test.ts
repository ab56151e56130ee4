/** The arithmetic of the benchmark of engines, and who takes part. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AccuracyCount } from '../../src/bench/engine/accuracy-count.ts'
import { engineBenchCommand } from '../../src/bench/engine/command.ts'
import type { Measured } from '../../src/bench/engine/measure.ts'
import { PEERS, peersOption } from '../../src/bench/engine/peers.ts'
import { positionsFor } from '../../src/bench/engine/scale.ts'
import { SHAPES, stepWeights } from '../../src/bench/engine/shapes.ts'
import { summarise } from '../../src/bench/engine/summary.ts'
import { parseArguments } from '../../src/cli/arguments.ts'
import { UsageError } from '../../src/cli/command.ts'
import { DECODE, engineProgram, LIMITS } from '../support/engine-programs.ts'

describe('rates and ratios', () => {
  const of = (name: string, isOurs: boolean, seconds: number[]): Measured => ({
    contestant: { name, isOurs, program: engineProgram(name) },
    loaded: { type: 'loaded', engine: name, settings: '', weightBytes: 50 },
    failure: undefined,
    times: [{ measure: DECODE, tokens: 32, seconds }],
  })

  it('are those of the best round and of the median one', () => {
    const { contestants, ratios } = summarise(
      [of('ours', true, [1, 2, 4]), of('theirs', false, [4, 4, 8])],
      { weights: { layers: 30, head: 50 }, rounds: 3, limits: LIMITS },
    )
    const [ours] = contestants
    assert.equal(ours!.bitsPerWeight, 5)
    assert.deepEqual(
      ours!.figures.map(({ name, best, median }) => [name, best, median]),
      [['decode 8 × at 64', 32, 16]],
    )
    // 32 tokens/s of 8 sequences are 4 steps a second, each of which reads 50 bytes.
    assert.equal(ours!.figures[0]!.bandwidthShare, 0.2)
    assert.deepEqual(ratios, [
      { ours: 'ours', peer: 'theirs', measure: 'decode 8 × at 64', best: 4, median: 2 },
    ])
  })

  it('are left out of measures that did not run in every round', () => {
    const { contestants, ratios } = summarise(
      [of('ours', true, [1, 2]), { ...of('theirs', false, [4]), failure: 'it fell over' }],
      { weights: { layers: 30, head: 50 }, rounds: 2, limits: undefined },
    )
    assert.deepEqual(contestants[1]!.figures, [])
    assert.equal(contestants[1]!.failure, 'it fell over')
    assert.equal(contestants[0]!.figures[0]!.bandwidthShare, null)
    assert.deepEqual(ratios, [])
  })

  it('know how many weights a step multiplies with', () => {
    // Qwen2.5-0.5B has 494 million parameters, Llama-3.2-1B 1236: with biases and norms.
    const millions = (name: keyof typeof SHAPES) => {
      const { layers, head } = stepWeights(SHAPES[name])
      return Math.round((layers + head) / 1e6)
    }
    assert.equal(millions('0.5b'), 494)
    assert.equal(millions('1b'), 1236)
  })

  it('ask for room for every context once and for what is made behind it', () => {
    assert.equal(positionsFor([DECODE]), 8 * (64 + 64) + 8 * (4 + 64))
    const longer = { ...DECODE, context: 128, batch: 1 }
    assert.equal(positionsFor([DECODE, longer]), positionsFor([DECODE]) + 128 + 64)
  })
})

it('perplexity and divergence are those of the next tokens', () => {
  // Two tokens, two positions: what foretells the second token is half and half, or three to one for it.
  const even = Float32Array.of(0, 0)
  const sure = Float32Array.of(0, Math.log(3))
  const countOf = (first: Float32Array) => {
    const count = new AccuracyCount()
    count.add(even, first, 1)
    count.add(even, even, undefined)
    return count.result
  }
  const same = countOf(even)
  assert.equal(same.perplexity, 2)
  assert.deepEqual([same.divergenceMean, same.likeliestEqual], [0, 1])
  const other = countOf(sure)
  assert.ok(Math.abs(other.perplexity - 4 / 3) < 1e-6)
  assert.equal(other.likeliestEqual, 0.5)
  // ½ ln(½ / ¼) + ½ ln(½ / ¾), at one of two positions.
  assert.ok(Math.abs(other.divergenceMean - Math.log(4 / 3) / 4) < 1e-4)
})

describe('--peers', () => {
  const refused = (text: string, message: RegExp) =>
    assert.throws(
      () => peersOption(text),
      (error) => error instanceof UsageError && message.test(error.message),
    )

  it('is some by name, all, or none', () => {
    assert.deepEqual(peersOption('openvino,llama.cpp'), ['openvino', 'llama.cpp'])
    assert.deepEqual(peersOption('all'), PEERS)
    assert.deepEqual(peersOption(undefined), [])
  })

  it('refuses one that is not known, naming it and all that are', () => {
    refused('llama.cpp,vllm', /expected all or some of llama\.cpp,openvino,.*, got 'vllm'/)
    refused('', /got ''/)
  })

  it('needs no names', () => {
    const peers = (...args: string[]) =>
      parseArguments(engineBenchCommand, args).options.get('peers')
    assert.equal(peers('--peers'), 'all')
    assert.equal(peers('--peers', '--shapes', 'tiny'), 'all')
    assert.equal(peers('--peers', 'openvino', '--rounds', '1'), 'openvino')
  })
})
