/** The encoder on the real backend, with the small checkpoint that PyTorch recorded. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import { startEncoder } from '../../src/engine/encoder.ts'
import type { Encoder } from '../../src/engine/types.ts'
import { relativeError } from '../support/relative-error.ts'
import { readRecordedCase, STARTER_CHECKPOINT } from '../support/starter-checkpoint.ts'
import { recordingLogger } from '../support/toy-engine.ts'

const NEVER = new AbortController().signal
const recorded = await readRecordedCase()

describe('the encoder on ONNX Runtime', () => {
  let encoder: Encoder
  before(async () => {
    encoder = await startEncoder({
      modelDir: STARTER_CHECKPOINT,
      backend: 'onnx',
      threads: 1,
      cacheBytes: 1 << 20,
      maxBatch: 8,
      maxWaiting: 16,
      logger: recordingLogger(),
    })
  })
  after(() => encoder.dispose())

  const pixels = (scale = 1) => recorded.stages.get('pixels')!.map((value) => value * scale)

  it('computes what PyTorch computed', async () => {
    const request = { key: 'recorded', pixels: pixels(), layout: ONE_TILE }
    const { features } = await encoder.encode(request, NEVER)
    assert.equal(features.rows, 100)
    assert.ok(relativeError(features.data, recorded.stages.get('placed')!) < 1e-4)
  })

  it('gives a picture the same features in a batch as alone', async () => {
    const scales = [1, 0.9, 0.8, 0.7, 0.6]
    const together = await Promise.all(
      scales.map((scale, i) =>
        encoder.encode({ key: `batch ${i}`, pixels: pixels(scale), layout: ONE_TILE }, NEVER),
      ),
    )
    for (const [i, scale] of scales.entries()) {
      const alone = await encoder.encode(
        { key: `alone ${i}`, pixels: pixels(scale), layout: ONE_TILE },
        NEVER,
      )
      assert.ok(relativeError(together[i]!.features.data, alone.features.data) < 1e-5)
    }
  })
})
