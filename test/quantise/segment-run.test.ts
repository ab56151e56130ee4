/** A graph in segments computes what it computes whole. */
import assert from 'node:assert/strict'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { cutGraph } from '../../models/graph/segments.ts'
import { runDecoderStages, runEncoderStages } from '../../src/engine/backends/graph-stages.ts'
import { openModelFiles } from '../../src/engine/backends/model-files.ts'
import { runSegments } from '../../src/quantise/segment-run.ts'
import { assertClose } from '../support/relative-error.ts'
import { seededRandom } from '../support/seeded-random.ts'

const FIXTURES = resolve(import.meta.dirname, '../fixtures')

describe('a graph in segments', () => {
  for (const name of ['decoders/phi3', 'decoders/gemma3-text']) {
    it(`gives the logits of the whole: ${name}`, async () => {
      const files = await openModelFiles(join(FIXTURES, name, 'checkpoint'))
      await using _checkpoint = files.checkpoint
      const { hiddenSize, vocabSize } = files.limits
      const decoder = files.graphs.decoder!
      const most = 3000
      const segments = cutGraph(decoder, { mostElements: most })
      assert.ok(segments.length > 4, `${segments.length} segments`)
      const random = seededRandom(5)
      const prompts = [7, 12].map((steps) => {
        const embeddings = Float32Array.from({ length: steps * hiddenSize }, () => random() - 0.5)
        const places = Int32Array.from({ length: steps }, (_, i) => i)
        return {
          embeddings: { data: embeddings, dims: [1, steps, hiddenSize] },
          positions: { data: places, dims: [1, steps] },
          wanted: { data: places.slice(-3), dims: [1, 3] },
        }
      })
      const logits: Float32Array[] = []
      const options = { threads: 1, mostElements: most }
      await runSegments(decoder, files, prompts, (r) => logits.push(r.get('logits')!), options)
      for (const [i, { embeddings }] of prompts.entries()) {
        const whole = (await runDecoderStages(files, 'onnx', embeddings.data)).get('logits')!
        assertClose(logits[i]!, whole.subarray(whole.length - 3 * vocabSize), 1e-5)
      }
    })
  }

  it('gives the features and towers of the whole', async () => {
    const files = await openModelFiles(join(FIXTURES, 'starter/checkpoint'))
    await using _checkpoint = files.checkpoint
    const encoder = files.graphs.encoder!
    const [, ...item] = encoder.inputs[0]!.value.shape as [string, ...number[]]
    const size = item.reduce((product, side) => product * side, 1)
    const data = Float32Array.from({ length: size }, (_, i) => Math.sin(i))
    const whole = await runEncoderStages(files, 'onnx', data)
    const options = { threads: 1, mostElements: 2000, stages: ['vit_tokens', 'convnext_tokens'] }
    const feeds = [{ pixels: { data, dims: [1, ...item] } }]
    await runSegments(
      encoder,
      files,
      feeds,
      (results) => {
        assert.deepEqual([...results.keys()].sort(), ['convnext_tokens', 'features', 'vit_tokens'])
        for (const [name, values] of results) assertClose(values, whole.get(name)!, 1e-5, name)
      },
      options,
    )
  })
})
