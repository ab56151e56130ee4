/**
 * The encoder's worker over towers that sum pixels: every feature of a tile is the tile's sum, plus 1000 · the
 * tiles of the run it was in. The "model folder" is its options as JSON.
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
const { runMs } = JSON.parse(modelDir) as { runMs: number }

const towers: EncoderSession = {
  hiddenSize: 3,
  tokensPerTile: 2,
  async encode(pixels, tiles) {
    if (pixels.includes(EXIT)) process.exit(1)
    if (pixels.includes(FAIL)) throw new Error('the toy towers were told to fail')
    if (runMs > 0) await setTimeout(runMs)
    const size = pixels.length / tiles
    return Float32Array.from({ length: tiles * 6 }, (_, i) => {
      const tile = Math.floor(i / 6)
      const sum = pixels.subarray(tile * size, (tile + 1) * size).reduce((a, b) => a + b, 0)
      return sum + 1000 * tiles
    })
  },
  async dispose() {},
}
serveEncoder(parentPort!, towers, maxBatch)
