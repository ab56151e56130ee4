/** What every backend promises of its encoders. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe } from 'node:test'
import { loadModelConfig } from '../../models/load-config.ts'
import type { Backend, EncoderSession } from '../../src/engine/backend.ts'
import { assertClose } from './relative-error.ts'
import { seededRandom } from './seeded-random.ts'

const OPTIONS = { threads: 1, kvCacheBytes: 1, kvBlockSize: 16 }

export interface EncoderContract {
  readonly name: string
  readonly backend: Backend
  /** Two ways of computing the same tile may differ by this much of the largest number. */
  readonly same: number
  /** Makes a folder to load. */
  checkpoint(seed: number): Promise<string>
  promise(title: string, test: () => Promise<void>): void
}

export function testEncoderContract({
  name,
  backend,
  same,
  checkpoint,
  promise,
}: EncoderContract): void {
  describe(`${name}: the encoder's contract`, () => {
    let folder: string
    let encoder: EncoderSession
    let size: number

    before(async () => {
      folder = await checkpoint(12)
      encoder = await backend.loadEncoder(folder, OPTIONS)
      size = 3 * ((await loadModelConfig(folder)).preprocessing?.size ?? 0) ** 2
    })
    after(async () => {
      await encoder.dispose()
      rmSync(folder, { recursive: true })
    })

    promise('tiles encoded together equal tiles encoded alone', async () => {
      const random = seededRandom(20)
      const pixels = Float32Array.from({ length: 2 * size }, () => random() * 2 - 1)
      const features = encoder.tokensPerTile * encoder.hiddenSize
      const together = await encoder.encode(pixels, 2)
      assert.equal(together.length, 2 * features)
      for (const tile of [0, 1]) {
        const alone = await encoder.encode(pixels.slice(tile * size, (tile + 1) * size), 1)
        assertClose(
          together.subarray(tile * features, (tile + 1) * features),
          alone,
          same,
          `tile ${tile}`,
        )
      }
    })

    promise('pixels that are not whole tiles are refused', async () => {
      await assert.rejects(encoder.encode(new Float32Array(size - 1), 1), {
        code: 'backend_failure',
      })
    })
  })
}
