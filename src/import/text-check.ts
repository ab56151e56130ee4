/**
 * Tries tokenizer and chat template in a thread of their own: both are small programs that came with the checkpoint, and one
 * that does not end, or takes all memory, is told from one that works.
 */
import { Worker } from 'node:worker_threads'
import { AerieError, fromWireError, type WireError } from '../errors.ts'
import type { Manifest } from '../package/manifest.ts'

export interface TextToCheck {
  /** Or the path of a GGUF file. */
  readonly modelDir: string
}

export interface TextFacts {
  readonly prompt: NonNullable<Manifest['prompt']>
  readonly tokenizer: NonNullable<Manifest['tokenizer']>
  /** What is odd and does no harm. */
  readonly remarks: readonly string[]
}

/** What the thread says: once that everything is loaded, and then how it went; a tower alone has no text part. */
export type FromTextCheck =
  | { readonly type: 'loaded' }
  | { readonly type: 'facts'; readonly facts: TextFacts | undefined }
  | { readonly type: 'failed'; readonly error: WireError }

export interface TextCheckLimits {
  /** Reading a vocabulary of a quarter of a million tokens takes seconds. */
  readonly loadMs: number
  /** The trial takes milliseconds. */
  readonly trialMs: number
}

const LIMITS: TextCheckLimits = { loadMs: 60_000, trialMs: 5_000 }
const MOST_MEGABYTES = 2048

/** Undefined for a tower that is published alone. Rejects with `invalid_package` when the text part of a model cannot be used. */
export async function checkText(
  modelDir: string,
  { loadMs, trialMs }: TextCheckLimits = LIMITS,
): Promise<TextFacts | undefined> {
  const worker = new Worker(new URL('./text-check-worker.ts', import.meta.url), {
    workerData: { modelDir } satisfies TextToCheck,
    resourceLimits: { maxOldGenerationSizeMb: MOST_MEGABYTES },
  })
  const { promise, resolve, reject } = Promise.withResolvers<TextFacts | undefined>()
  const refuse = (what: string) => reject(new AerieError('invalid_package', `${modelDir}: ${what}`))
  let timer = setTimeout(() => refuse(`tokenizer: not loaded within ${loadMs / 1000} s`), loadMs)
  worker.on('message', (message: FromTextCheck) => {
    if (message.type === 'facts') resolve(message.facts)
    else if (message.type === 'failed') reject(inModel(modelDir, fromWireError(message.error)))
    else {
      clearTimeout(timer)
      const late = `tokenizer or chat template: a short conversation takes longer than ${trialMs / 1000} s`
      timer = setTimeout(() => refuse(late), trialMs)
    }
  })
  worker.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_WORKER_OUT_OF_MEMORY')
      refuse(`tokenizer or chat template: more than ${MOST_MEGABYTES} MiB are needed`)
    else reject(error)
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

/** What is wrong with a conversation is here wrong with the model, which has written it. */
function inModel(modelDir: string, error: Error): Error {
  return error.message.includes(modelDir)
    ? error
    : new AerieError('invalid_package', `${modelDir}: ${error.message}`, { cause: error })
}
