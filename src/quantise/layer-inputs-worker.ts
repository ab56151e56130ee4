/** Worker thread that looks at what the layers of a decoder read. */
import { readFile } from 'node:fs/promises'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { answerTask } from '../task-thread.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import { type FactorPlace, writeFactors } from './layer-inputs.ts'

export interface ToLookAt {
  readonly checkpoint: string
  /** Folder, or GGUF file, of the model's tokenizer. */
  readonly tokenizer: string
  /** Graph names. */
  readonly weights: ReadonlySet<string>
  /** A new file. */
  readonly target: string
  readonly threads: number
}

/** Neither what a package is measured with nor what the benchmark reads. */
const TEXT = new URL('./calibration-text.txt', import.meta.url)

async function look({ checkpoint, tokenizer, weights, target, threads }: ToLookAt) {
  const ids = (await Tokenizer.load(tokenizer)).encode(await readFile(TEXT, 'utf8'))
  const files = await openModelFiles(checkpoint)
  await using _weights = files.checkpoint
  return await writeFactors(target, files, { ids, wanted: weights }, { threads })
}

await answerTask<ToLookAt, ReadonlyMap<string, FactorPlace>>(look)
