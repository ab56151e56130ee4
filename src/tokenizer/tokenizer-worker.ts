/** Worker thread that has a vocabulary: builds it, says what it is, and encodes texts. */
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError } from '../errors.ts'
import { encodeTexts, type FromTokenizer, type ToTokenizer } from './encoder-thread.ts'
import { Tokenizer } from './tokenizer.ts'

const tokenizer = Tokenizer.load((workerData as { modelDir: string }).modelDir)
// What it was made of is several times as large, and a thread that then waits for texts would keep it (`--expose-gc`, as the server has).
void tokenizer.then(
  () => globalThis.gc?.(),
  () => undefined,
)

parentPort!.on('message', async ({ id, ...question }: { id: number } & ToTokenizer) => {
  const say = (message: FromTokenizer, transfer: ArrayBuffer[] = []) =>
    parentPort!.postMessage(message, transfer)
  try {
    const loaded = await tokenizer
    if (question.type === 'table') return say({ id, answer: loaded.data })
    const ids = encodeTexts(loaded, question.texts, question.whole)
    say(
      { id, answer: ids },
      ids.map((array) => array.buffer as ArrayBuffer),
    )
  } catch (error) {
    say({ id, error: toWireError(error) })
  }
})
