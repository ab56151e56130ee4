/** What the encoder does with texts, for a tower that reads them beside one that sees: all of a batch together. */
import { freeMemory } from '../free-memory.ts'
import type { TowerSession } from './backend.ts'
import { type Encoded, sharedFloats } from './encode-pictures.ts'
import type { TextBatch } from './encoder-messages.ts'

/** The vector of each text, from runs of at most `maxBatch`. */
export async function encodeTexts(
  session: Pick<TowerSession, 'read'>,
  texts: TextBatch['texts'],
  maxBatch: number,
): Promise<Encoded> {
  const features: Float32Array[] = []
  for (let first = 0; first < texts.length; first += maxBatch) {
    const run = texts.slice(first, first + maxBatch)
    const ends = Int32Array.from(run, ({ end }) => end)
    const steps = run[0]!.tokens.length
    const tokens = new Int32Array(run.length * steps)
    for (const [i, text] of run.entries()) tokens.set(text.tokens, i * steps)
    const read = await session.read(tokens, ends) // [texts, channels], ours
    const channels = read.length / run.length
    for (let i = 0; i < run.length; i++) {
      const own = sharedFloats(channels)
      own.set(read.subarray(i * channels, (i + 1) * channels))
      features.push(own)
    }
    freeMemory(read.buffer)
  }
  return { features, runs: Math.ceil(texts.length / maxBatch) }
}
