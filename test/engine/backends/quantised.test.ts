/** The backends' contract over quantised weights, and the two against each other. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { describe, it } from 'node:test'
import { createBackend } from '../../../src/engine/backends/create.ts'
import { testBackendContract } from '../../support/backend-contract.ts'
import { quantiseFolder } from '../../support/quantise-folder.ts'
import { relativeError } from '../../support/relative-error.ts'
import { writeRandomCheckpoint } from '../../support/starter-checkpoint.ts'

const [onnx, reference] = await Promise.all([createBackend('onnx'), createBackend('reference')])

/** A product that falls the other way when activations are brought to 8 bits is a step of one in 127. */
const ROUNDED = 0.05
const int4 = { method: 'int4', group: 32 } as const
const prepared = { as: 'int4', prepare: (folder: string) => quantiseFolder(folder, int4) }

testBackendContract(onnx, { prepared, same: ROUNDED })
testBackendContract(reference, { prepared })

describe('a quantised model', () => {
  for (const options of [int4, { method: 'int8', group: 128 }] as const) {
    it(`gives with ${options.method} on ONNX Runtime what the reference does, but for the activations' rounding`, async () => {
      const folder = writeRandomCheckpoint({ seed: 5, dtype: 'BF16' })
      await quantiseFolder(folder, options)
      const results: Float32Array[][] = []
      for (const backend of [onnx, reference]) {
        const session = { threads: 1, kvCacheBytes: 8 << 20, kvBlockSize: 16 }
        const decoder = await backend.loadDecoder(folder, session)
        const ids = Int32Array.from({ length: 12 }, (_, i) => 3 + 7 * i)
        const [row] = await decoder.step([
          { sequence: 1, input: [{ kind: 'tokens', ids }], want: 'logits' },
        ])
        const encoder = await backend.loadEncoder(folder, session)
        const pixels = Float32Array.from({ length: 3 * 160 * 160 }, (_, i) => Math.sin(i / 99))
        results.push([row!.values!, await encoder.encode(pixels, 1)])
        await decoder.dispose()
        await encoder.dispose()
      }
      for (const [i, values] of results[0]!.entries()) {
        const error = relativeError(values, results[1]![i]!)
        assert.ok(error > 0 && error < ROUNDED, String(error))
      }
      rmSync(folder, { recursive: true })
    })
  }
})
