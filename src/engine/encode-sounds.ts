/** What the encoder does with a batch of sounds: their windows run together. */
import { AerieError } from '../errors.ts'
import type { EncoderSession } from './backend.ts'
import { type Encoded, sharedFloats } from './encode-pictures.ts'
import type { WindowedSound } from './encoder-messages.ts'
import { runItems } from './run-items.ts'

/** Features `[windows · tokensPerWindow, hidden]` of each sound; no run has more than `maxBatch` windows. */
export async function encodeSounds(
  { sounds: tower, hiddenSize }: Pick<EncoderSession, 'sounds' | 'hiddenSize'>,
  sounds: readonly WindowedSound[],
  maxBatch: number,
): Promise<Encoded> {
  if (!tower) throw new AerieError('backend_failure', 'the model has no sound tower')
  const items = sounds.map(({ mel, windows }) => ({ values: mel, count: windows }))
  const perWindow = tower.tokensPerWindow * hiddenSize
  const encode = (mel: Float32Array, windows: number) => tower.encode(mel, windows)
  const { results, runs } = await runItems(encode, items, maxBatch, perWindow, sharedFloats)
  return { features: results, runs }
}
