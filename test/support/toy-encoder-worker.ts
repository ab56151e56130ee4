/**
 * The encoder's worker over towers that sum pixels: every feature of a tile is the tile's sum, plus 1000 · the
 * tiles of the run it was in. The "model folder" is its options as JSON. With `merges`, a tile's map is one patch of one
 * channel, its sum as above, and every feature of a block is the sum of its two scales, plus 10 · the blocks of the run.
 */
import { setTimeout } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { EncoderSession } from '../../src/engine/backend.ts'
import type { EncoderWorkerData } from '../../src/engine/encoder-messages.ts'
import { serveEncoder } from '../../src/engine/encoder-server.ts'

/** A tile that holds `FAIL` makes its run fail, one that holds `EXIT` ends the thread. */
const FAIL = -1
const EXIT = -2

const { modelDir, maxBatch } = workerData as EncoderWorkerData
const { runMs, merges } = JSON.parse(modelDir) as { runMs: number; merges?: boolean }
/** A block whose sum is above this cannot be projected. */
const MOST = 10_000

const towers: EncoderSession = {
  hiddenSize: 3,
  // Blocks are square.
  tokensPerTile: merges ? 1 : 2,
  async encode(pixels, tiles) {
    if (pixels.includes(EXIT)) process.exit(1)
    if (pixels.includes(FAIL)) throw new Error('the toy towers were told to fail')
    if (runMs > 0) await setTimeout(runMs)
    const size = pixels.length / tiles
    const each = merges ? 1 : 6
    return Float32Array.from({ length: tiles * each }, (_, i) => {
      const tile = Math.floor(i / each)
      const sum = pixels.subarray(tile * size, (tile + 1) * size).reduce((a, b) => a + b, 0)
      return sum + 1000 * tiles
    })
  },
  ...(merges
    ? {
        merging: {
          merge: { grid: 1, channels: 1, scales: 2, outputScale: 1 },
          async project(blocks: Float32Array, count: number) {
            return Float32Array.from({ length: count * 3 }, (_, i) => {
              const block = Math.floor(i / 3)
              const sum = blocks[block * 2]! + blocks[block * 2 + 1]!
              if (sum > MOST) throw new Error('the toy projector was told to fail')
              return sum + 10 * count
            })
          },
        },
      }
    : {}),
  async dispose() {},
}
serveEncoder(parentPort!, towers, maxBatch)
