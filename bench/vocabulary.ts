#!/usr/bin/env node
/**
 * How long the thread that serves is held up while a GGUF model's header and vocabulary are read: `node bench/vocabulary.ts [file | tokens]`
 * reads that file, or one that it writes with as many tokens (256 000) and a merge for each but the bytes. Prints for each piece of work how
 * much processor time of this thread the longest stretch without a turn of the event loop took: `header`, where the model is found;
 * `tokenizer here`, as programs build it that do nothing else; `tokenizer thread`, as a server has it; `grammar vocabulary`, of what that thread told.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EncoderThread } from '../src/tokenizer/encoder-thread.ts'
import { Tokenizer } from '../src/tokenizer/tokenizer.ts'
import { vocabularyOf } from '../src/tokenizer/vocabulary.ts'
import { readGguf } from '../src/weights/gguf.ts'
import { writeVocabulary } from '../test/support/gguf-vocabulary.ts'
import { heldUp } from './held-up.ts'

const ROUNDS = 3
const asked = process.argv[2] ?? '256000'
const folder = await mkdtemp(join(tmpdir(), 'aerie-vocabulary-'))
try {
  const path = asked.endsWith('.gguf') ? asked : join(folder, 'model.gguf')
  if (path !== asked) writeVocabulary(path, Number(asked))
  const encoder = await EncoderThread.load(path)
  const { tokenizer } = encoder
  const works: Readonly<Record<string, () => Promise<unknown>>> = {
    header: () => readGguf(path),
    'tokenizer thread': async () => (await EncoderThread.load(path)).dispose(),
    'grammar vocabulary': () => vocabularyOf(tokenizer, tokenizer.size),
    // Last: what it leaves is swept away while the others work.
    'tokenizer here': () => Tokenizer.load(path),
  }
  console.log(`${tokenizer.size} tokens\nwork  longest ms`)
  for (const [name, work] of Object.entries(works))
    for (let round = 0; round < ROUNDS; round++)
      console.log(`${name}  ${(await heldUp(work)).longest.toFixed(1)}`)
  await encoder.dispose()
} finally {
  await rm(folder, { recursive: true })
}
