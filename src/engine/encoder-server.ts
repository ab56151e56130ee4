/** The worker's side of the encoder: batches of pictures in, features in shared memory out. */
import type { MessagePort } from 'node:worker_threads'
import { AerieError, toWireError } from '../errors.ts'
import { freeMemory } from '../free-memory.ts'
import type { EncoderSession } from './backend.ts'
import type { EncodeBatch, EncoderReady, FromEncoder, ToEncoder } from './encoder-messages.ts'
import type { StartMessage } from './worker-host.ts'

/** Serves loaded towers over a port until told to dispose. One batch is in work at a time. */
export function serveEncoder(port: MessagePort, session: EncoderSession, maxBatch: number): void {
  async function answer({ pictures }: EncodeBatch): Promise<FromEncoder> {
    const startedAt = performance.now()
    try {
      const features = await encodePictures(session, pictures, maxBatch)
      return { type: 'encoded', features, encodeMs: performance.now() - startedAt }
    } catch (cause) {
      const error =
        cause instanceof AerieError
          ? cause
          : new AerieError('backend_failure', `the towers failed: ${String(cause)}`, { cause })
      const stack = cause instanceof Error ? cause.stack : undefined
      return { type: 'encode-failed', error: toWireError(error), ...(stack ? { stack } : {}) }
    } finally {
      for (const { pixels } of pictures) freeMemory(pixels.buffer)
    }
  }

  let work: Promise<void> = Promise.resolve()
  port.on('message', (message: ToEncoder) => {
    work = work.then(async () => {
      if (message.type === 'encode') {
        port.postMessage(await answer(message))
      } else {
        await session.dispose()
        port.close()
      }
    })
  })
  const ready: StartMessage<EncoderReady> = {
    type: 'ready',
    hiddenSize: session.hiddenSize,
    tokensPerTile: session.tokensPerTile,
  }
  port.postMessage(ready)
}

/** Runs the tiles of all pictures together, `maxBatch` at a time, and hands each picture its rows. */
async function encodePictures(
  session: EncoderSession,
  pictures: EncodeBatch['pictures'],
  maxBatch: number,
): Promise<Float32Array[]> {
  const tiles = pictures.reduce((sum, picture) => sum + picture.tiles, 0)
  const pixels = joinPixels(pictures)
  const tilePixels = pixels.length / tiles
  const tileFeatures = session.tokensPerTile * session.hiddenSize
  const features = pictures.map((picture) => sharedFloats(picture.tiles * tileFeatures))
  let picture = 0
  let filled = 0
  for (let first = 0; first < tiles; first += maxBatch) {
    const count = Math.min(maxBatch, tiles - first)
    const run = pixels.subarray(first * tilePixels, (first + count) * tilePixels)
    const encoded = await session.encode(run, count) // [count, tokensPerTile, hidden], ours
    for (let tile = 0; tile < count; tile++) {
      if (filled === features[picture]!.length) {
        picture++
        filled = 0
      }
      const from = tile * tileFeatures
      features[picture]!.set(encoded.subarray(from, from + tileFeatures), filled)
      filled += tileFeatures
    }
    freeMemory(encoded.buffer)
  }
  freeMemory(pixels.buffer)
  return features
}

function joinPixels(pictures: EncodeBatch['pictures']): Float32Array {
  if (pictures.length === 1) return pictures[0]!.pixels
  const joined = new Float32Array(pictures.reduce((sum, { pixels }) => sum + pixels.length, 0))
  let offset = 0
  for (const { pixels } of pictures) {
    joined.set(pixels, offset)
    offset += pixels.length
  }
  return joined
}

function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT))
}
