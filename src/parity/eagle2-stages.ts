/** Names of Eagle 2's recorded tensors → what of a computed prompt they show. */
import type { ComputedTensor } from './compare.ts'
import type { Eagle2Encoder } from './eagle2-encoder.ts'
import type { ComputedPrompt, ComputedRow } from './eagle2-prompt.ts'
import { range, take } from './subsample.ts'

interface StageContext {
  /** What expected.json says of the tensor. */
  readonly meaning: string
  readonly encoder: Eagle2Encoder
  readonly hiddenSize: number
}

/** The tensor of a name without the prompt's, or undefined for one that is not known here. */
export async function stageOf(
  name: string,
  prompt: ComputedPrompt,
  context: StageContext,
): Promise<ComputedTensor | undefined> {
  const [, base, how, count] = /^(.*?)(?:[._](every|last|first)(\d+))?$/.exec(name)!
  const whole = (await ofEncoder(base!, prompt, context)) ?? ofDecoder(base!, prompt, context)
  if (!whole) return undefined
  return how === undefined ? whole : steps(whole, how, Number(count))
}

/** Tensors of tiles: `[tiles, …]`, of which some cases keep the first ones only. */
async function ofEncoder(
  name: string,
  prompt: ComputedPrompt,
  { meaning, encoder }: StageContext,
): Promise<ComputedTensor | undefined> {
  if (name === 'pixel_values') return prompt.pixels
  if (prompt.encoder.size === 0) return undefined
  const kept = /^TILES? 0(?: AND (\d+))? ONLY/.exec(meaning)
  const tiles = kept ? Number(kept[1] ?? 0) + 1 : undefined
  const of = (stage: string) => firstTiles(prompt.encoder.get(stage), tiles)
  if (name === 'vision.last_hidden_state' && !encoder.selectsLast)
    return firstTiles(await encoder.lastState(prompt.pixels.values as Float32Array), tiles)
  const state = /^vision\.hidden_states\.(\d+)$/.exec(name)
  if (state)
    return of(state[1] === '0' ? 'siglip.embeddings' : `siglip.layer.${Number(state[1]) - 1}`)
  const layer = /^siglip\.layer(\d+)$/.exec(name)
  if (layer) return of(`siglip.layer.${layer[1]}`)
  if (/^convnext\.(stem|stage\d+)$/.test(name)) return channelsFirst(of(name))
  const renamed: Readonly<Record<string, string>> = {
    'vision.selected': 'siglip.selected',
    'vision.last_hidden_state': 'siglip.selected',
    'siglip.features': 'siglip.selected',
    pixel_shuffle: 'joined',
    mlp1: 'features',
  }
  return of(renamed[name] ?? name)
}

/** Tensors of positions: `[batch, steps, …]`, padded on the left to the longest row. */
function ofDecoder(
  name: string,
  prompt: ComputedPrompt,
  { hiddenSize }: StageContext,
): ComputedTensor | undefined {
  const { rows, pad, padEmbedding, vocabSize } = prompt
  const padded = (width: number, filler: ArrayLike<number>, of: (row: ComputedRow) => Values) =>
    leftPadded(rows, width, filler, of)
  switch (name) {
    case 'input_ids':
      return padded(0, [pad], (row) => row.ids)
    case 'attention_mask':
      return padded(0, [0], (row) => row.ids.map(() => 1))
    case 'position_ids':
      // What is padded holds 1 in transformers, and is masked.
      return padded(0, [1], (row) => row.ids.map((_, i) => i))
    case 'greedy_ids':
      return stacked(
        rows.map(({ greedyIds }) => ({ shape: [greedyIds.length], values: greedyIds })),
      )
    case 'greedy_logits':
      return stacked(rows.map(({ greedyLogits }) => greedyLogits))
    case 'inputs_embeds':
      return padded(hiddenSize, padEmbedding, (row) => row.embeddings)
    case 'prefill_logits':
      return padded(vocabSize, new Float32Array(vocabSize), (row) => row.decoder.get('logits'))
  }
  const state = /^llm\.hidden_states\.(\d+)$/.exec(name)
  if (!state) return undefined
  const index = Number(state[1])
  const isLast = !rows[0]?.decoder.has(`layers.${index}`)
  const stage = isLast ? 'hidden' : `layers.${index - 1}`
  return padded(hiddenSize, new Float32Array(hiddenSize), (row) => row.decoder.get(stage))
}

type Values = ArrayLike<number> | undefined

/** `[batch, steps]`, or `[batch, steps, width]`; undefined where a row has none. */
function leftPadded(
  rows: readonly ComputedRow[],
  width: number,
  filler: ArrayLike<number>,
  of: (row: ComputedRow) => Values,
): ComputedTensor | undefined {
  const size = Math.max(1, width)
  const longest = Math.max(...rows.map(({ ids }) => ids.length))
  const values = new Float32Array(rows.length * longest * size)
  for (const [i, row] of rows.entries()) {
    const own = of(row)
    if (!own || own.length !== row.ids.length * size) return undefined
    const start = i * longest * size
    const missing = (longest - row.ids.length) * size
    for (let k = 0; k < missing; k++) values[start + k] = filler[k % size]!
    values.set(own, start + missing)
  }
  return { shape: width === 0 ? [rows.length, longest] : [rows.length, longest, width], values }
}

function stacked(tensors: readonly ComputedTensor[]): ComputedTensor {
  const values = tensors.flatMap((tensor) => Array.from(tensor.values))
  return { shape: [tensors.length, ...(tensors[0]?.shape ?? [])], values }
}

/** Every nth step, or the last or first n, along the second axis. */
function steps(tensor: ComputedTensor, how: string, n: number): ComputedTensor {
  const count = tensor.shape[1]!
  if (how === 'every') return take(tensor, 1, range(0, count, n))
  const kept = Math.min(n, count)
  return take(tensor, 1, how === 'last' ? range(count - kept, count) : range(0, kept))
}

function firstTiles(
  tensor: ComputedTensor | undefined,
  count: number | undefined,
): ComputedTensor | undefined {
  if (!tensor || count === undefined || tensor.shape[0]! <= count) return tensor
  return take(tensor, 0, range(0, count))
}

/** [n, h, w, c] → [n, c, h, w]. */
function channelsFirst(tensor: ComputedTensor | undefined): ComputedTensor | undefined {
  if (!tensor) return undefined
  const [n, height, width, channels] = tensor.shape as [number, number, number, number]
  const values = new Float32Array(tensor.values.length)
  const area = height * width
  for (let tile = 0; tile < n; tile++) {
    for (let cell = 0; cell < area; cell++) {
      for (let c = 0; c < channels; c++)
        values[(tile * channels + c) * area + cell] =
          tensor.values[(tile * area + cell) * channels + c]!
    }
  }
  return { shape: [n, channels, height, width], values }
}
