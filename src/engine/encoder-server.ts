/** The worker's side of the encoder: batches of pictures in, features in shared memory out. */
import type { MessagePort } from 'node:worker_threads'
import { AerieError, toWireError } from '../errors.ts'
import { freeMemory } from '../free-memory.ts'
import type { EncoderSession, TowerSession } from './backend.ts'
import { encodeClips } from './encode-clips.ts'
import type { Encoded } from './encode-pictures.ts'
import { encodeSounds } from './encode-sounds.ts'
import { encodeTexts } from './encode-texts.ts'
import { encodeForTower } from './encode-tower.ts'
import type {
  EncodeBatch,
  EncoderReady,
  FromEncoder,
  SoundBatch,
  TextBatch,
  ToEncoder,
} from './encoder-messages.ts'
import type { StartMessage } from './worker-host.ts'

type Batch = EncodeBatch | SoundBatch | TextBatch

/** What a batch is answered with. */
interface EncodeWork {
  readonly ready: EncoderReady
  encode(batch: EncodeBatch): Promise<Encoded>
  /** Of sounds; absent where there are none. */
  hear?(batch: SoundBatch): Promise<Encoded>
  /** Of texts; absent where there are none. */
  read?(batch: TextBatch): Promise<Encoded>
  sessions?(): TowerSession['sessions']
  dispose(): Promise<void>
}

/** Serves loaded towers over a port until told to dispose. One batch is in work at a time. */
export function serveEncoder(port: MessagePort, session: EncoderSession, maxBatch: number): void {
  serve(port, {
    ready: { hiddenSize: session.hiddenSize, tokensPerTile: session.tokensPerTile },
    encode: ({ pictures }) => encodeClips(session, pictures, maxBatch),
    hear: ({ sounds }) => encodeSounds(session, sounds, maxBatch),
    dispose: () => session.dispose(),
  })
}

/** The same for a tower that is published alone. */
export function serveTower(port: MessagePort, session: TowerSession, maxBatch: number): void {
  serve(port, {
    ready: { hiddenSize: 0, tokensPerTile: 0, sessions: session.sessions },
    async encode({ pictures, input }) {
      if (!input) throw new Error('a tower was given pictures without an input')
      return await encodeForTower(session, pictures, input, maxBatch)
    },
    read: ({ texts }) => encodeTexts(session, texts, maxBatch),
    sessions: () => session.sessions,
    dispose: () => session.dispose(),
  })
}

function serve(port: MessagePort, work: EncodeWork): void {
  async function answer(batch: Batch): Promise<FromEncoder> {
    const startedAt = performance.now()
    try {
      const encoded = await encode(batch)
      const encodeMs = performance.now() - startedAt
      return {
        type: 'encoded',
        ...encoded,
        encodeMs,
        ...(work.sessions && { sessions: work.sessions() }),
      }
    } catch (cause) {
      const error =
        cause instanceof AerieError
          ? cause
          : new AerieError('backend_failure', `the towers failed: ${String(cause)}`, { cause })
      const stack = cause instanceof Error ? cause.stack : undefined
      return { type: 'encode-failed', error: toWireError(error), ...(stack ? { stack } : {}) }
    } finally {
      for (const { buffer } of inputsOf(batch)) freeMemory(buffer)
    }
  }

  async function encode(batch: Batch): Promise<Encoded> {
    if (batch.type === 'encode') return await work.encode(batch)
    if (batch.type === 'encode-texts') {
      if (!work.read) throw new Error('a tower of pictures was given texts')
      return await work.read(batch)
    }
    if (!work.hear) throw new Error('a tower of pictures was given sounds')
    return await work.hear(batch)
  }

  let queue: Promise<void> = Promise.resolve()
  port.on('message', (message: ToEncoder) => {
    queue = queue.then(async () => {
      if (message.type === 'dispose') {
        await work.dispose()
        port.close()
      } else {
        port.postMessage(await answer(message))
      }
    })
  })
  const ready: StartMessage<EncoderReady> = { type: 'ready', ...work.ready }
  port.postMessage(ready)
}

/** Of which the memory is given back at once; texts are small. */
function inputsOf(batch: Batch): Float32Array[] {
  if (batch.type === 'encode-texts') return []
  return batch.type === 'encode'
    ? batch.pictures.map(({ pixels }) => pixels)
    : batch.sounds.map(({ mel }) => mel)
}
