/** What becomes of scores before they are weights: sinks and soft caps, on every backend. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { GraphBuilder } from '../../../models/graph/builder.ts'
import { nativeDecoder } from '../../../src/engine/backends/native.ts'
import { onnxDecoder } from '../../../src/engine/backends/onnx.ts'
import { kvAttention } from '../../../src/engine/backends/reference/attention.ts'
import { tensor } from '../../../src/engine/backends/reference/tensor.ts'
import { referenceDecoder } from '../../../src/engine/backends/reference.ts'
import { skipOf } from '../../support/backends.ts'
import { logitsOf, row, tokens } from '../../support/decoder-rows.ts'
import { hybridFiles } from '../../support/hybrid-decoder.ts'
import { assertClose } from '../../support/relative-error.ts'

const OPTIONS = { threads: 2, kvCacheBytes: 4 << 20, kvBlockSize: 4 }
const PROMPT = Array.from({ length: 21 }, (_, i) => (i * 7) % 40)

describe('attention with sinks and a soft cap', () => {
  let files: Awaited<ReturnType<typeof hybridFiles>>
  before(async () => {
    files = await hybridFiles({ recurrences: false })
  })
  after(async () => {
    await files.checkpoint.close()
    rmSync(files.folder, { recursive: true })
  })

  for (const [name, open] of [
    ['native', nativeDecoder],
    ['onnx', onnxDecoder],
  ] as const) {
    it(`is on ${name} what it is on the reference`, { skip: skipOf(name) }, async () => {
      const [ours, truth] = [await open(files, OPTIONS), await referenceDecoder(files, OPTIONS)]
      for (const step of [
        [row(1, tokens(...PROMPT)), row(2, tokens(...PROMPT.slice(0, 5)))],
        [row(1, tokens(3)), row(2, tokens(9, 8))],
      ]) {
        const expected = await logitsOf(truth, step)
        for (const [i, logits] of (await logitsOf(ours, step)).entries())
          assertClose(logits, expected[i]!, 1e-5)
      }
      await ours.dispose()
      await truth.dispose()
    })
  }

  it('is by hand what the operation says', () => {
    const [q, k, v] = [2, 3, 5].map((value) => tensor([1, 1, 1], Float64Array.of(value)))
    const nothing = new Float32Array()
    const cache = {
      length: 0,
      past: () => ({ keys: nothing, values: nothing }),
      append: () => {},
    }
    const attend = (more: object, sink?: number) =>
      kvAttention(
        {
          ...{ q: q!, k: k!, v: v!, positions: tensor([1, 1]) },
          sinks: sink === undefined ? undefined : tensor([1], Float64Array.of(sink)),
        },
        { layer: 0, heads: 1, kvHeads: 1, headDim: 1, scale: 0.5, ...more },
        cache,
      ).data[0]!
    // One key of score 3 takes all; beside a sink of the same score half; behind the cap its share of what it is then.
    assert.equal(attend({}), 5)
    assert.equal(attend({}, 3), 2.5)
    const capped = 2 * Math.tanh(3 / 2)
    assert.ok(Math.abs(attend({ softCap: 2 }, 0) - 5 / (1 + Math.exp(-capped))) < 1e-12)
  })

  it('refuses sinks that are not one for each head', () => {
    const g = new GraphBuilder('sinks')
    const x = g.input('x', ['batch', 'steps', 8])
    const positions = g.input('positions', ['batch', 'steps'], 'int32')
    const attributes = { layer: 0, heads: 4, kvHeads: 4, headDim: 2, scale: 1 }
    assert.throws(
      () => g.kvAttention(x, x, x, positions, attributes, g.weight('sinks', [2])),
      /^Error: graph sinks: kvAttention: sinks and \[heads\] are \[2\], \[4\]$/,
    )
  })
})
