/** The worker's side of the encoder: batches of pictures in, features in shared memory out. */
import type { MessagePort } from 'node:worker_threads'
import { AerieError, toWireError } from '../errors.ts'
import { freeMemory } from '../free-memory.ts'
import type { EncoderSession } from './backend.ts'
import { encodePictures } from './encode-pictures.ts'
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
