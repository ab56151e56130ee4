/** Worker thread that encodes long texts, so that the main thread never spends more than moments on one. */
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError } from '../errors.ts'
import { type EncodeMessage, encodeTexts } from './encoder-thread.ts'
import { Tokenizer } from './tokenizer.ts'

const tokenizer = Tokenizer.load((workerData as { modelDir: string }).modelDir)

parentPort!.on('message', async ({ id, texts, whole }: EncodeMessage) => {
  try {
    const loaded = await tokenizer
    const ids = encodeTexts(loaded, texts, whole)
    parentPort!.postMessage(
      { id, ids },
      ids.map((array) => array.buffer as ArrayBuffer),
    )
  } catch (error) {
    parentPort!.postMessage({ id, error: toWireError(error) })
  }
})
