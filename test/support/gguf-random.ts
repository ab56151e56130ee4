/** Random models in blocks of GGUF, large enough for every type: rows are multiples of 256. */
import { BLOCKS, type BlockType } from '../../src/weights/gguf-blocks.ts'
import type { GgufTensorToWrite, GgufToWrite } from './gguf-file.ts'
import { seededRandom } from './seeded-random.ts'

/** Number of an element type in files. */
const NUMBERS: Readonly<Record<BlockType, number>> = {
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
}

/** A block's scale and, where it has one, minimum, so that weights are some hundredths around 0. */
const SCALES: Readonly<Record<BlockType, readonly number[]>> = {
  Q4_0: [0.01],
  Q4_1: [0.01, -0.075],
  Q5_0: [0.005],
  Q5_1: [0.005, -0.075],
  Q8_0: [0.0006],
  Q4_K: [0.0003, 0.0023],
  Q5_K: [0.00015, 0.0023],
  Q6_K: [0.00016],
}

const SIZE = { hidden: 256, inner: 512, heads: 4, kvHeads: 2, headDim: 64, layers: 2 }
const { hidden, inner, heads, kvHeads, headDim, layers } = SIZE

/**
 * `base` with its metadata's sizes and its tensors replaced: matrices are blocks of `type`, norms are ones. `llama` files
 * have queries and keys whose rows were moved and no head of their own, `phi3` ones have matrices that are several in one.
 */
export function randomBlocksModel(
  base: GgufToWrite,
  arch: 'llama' | 'phi3',
  type: BlockType,
): GgufToWrite {
  const vocab = (base.metadata['tokenizer.ggml.tokens']![1] as readonly string[]).length
  const random = seededRandom(NUMBERS[type])
  const matrix = (rows: number, width: number): GgufTensorToWrite => ({
    type: NUMBERS[type],
    shape: [rows, width],
    data: randomBlocks(type, (rows * width) / BLOCKS[type].elements, random),
  })
  const norm = (): GgufTensorToWrite => ({
    shape: [hidden],
    data: new Float32Array(hidden).fill(1),
  })
  const tensors: Record<string, GgufTensorToWrite> = {
    'token_embd.weight': matrix(vocab, hidden),
    'output_norm.weight': norm(),
  }
  if (arch === 'phi3') tensors['output.weight'] = matrix(vocab, hidden)
  const [queries, keys] = [heads * headDim, kvHeads * headDim]
  for (let layer = 0; layer < layers; layer++) {
    const parts: Record<string, GgufTensorToWrite> = {
      attn_norm: norm(),
      ffn_norm: norm(),
      attn_output: matrix(hidden, queries),
      ffn_down: matrix(hidden, inner),
      ...(arch === 'phi3'
        ? { attn_qkv: matrix(queries + 2 * keys, hidden), ffn_up: matrix(2 * inner, hidden) }
        : {
            attn_q: matrix(queries, hidden),
            attn_k: matrix(keys, hidden),
            attn_v: matrix(keys, hidden),
            ffn_gate: matrix(inner, hidden),
            ffn_up: matrix(inner, hidden),
          }),
    }
    for (const [part, tensor] of Object.entries(parts))
      tensors[`blk.${layer}.${part}.weight`] = tensor
  }
  const metadata = {
    ...base.metadata,
    [`${arch}.block_count`]: ['u32', layers] as const,
    [`${arch}.embedding_length`]: ['u32', hidden] as const,
    [`${arch}.feed_forward_length`]: ['u32', inner] as const,
    [`${arch}.attention.head_count`]: ['u32', heads] as const,
    [`${arch}.attention.head_count_kv`]: ['u32', kvHeads] as const,
    [`${arch}.attention.key_length`]: ['u32', headDim] as const,
    [`${arch}.attention.value_length`]: ['u32', headDim] as const,
    [`${arch}.rope.dimension_count`]: ['u32', headDim] as const,
  }
  return { metadata, tensors }
}

/** Any bytes are blocks; their scales are those of {@link SCALES}, of either sign where there is no minimum. */
function randomBlocks(type: BlockType, count: number, random: () => number): Uint8Array {
  const { bytes: size, scales } = BLOCKS[type]
  const bytes = Uint8Array.from({ length: count * size }, () => random() * 256)
  const view = new DataView(bytes.buffer)
  for (let block = 0; block < count; block++)
    for (const [i, place] of scales.entries()) {
      const value = SCALES[type][i]! * (0.5 + random())
      view.setUint16(block * size + place, halfOf(value), true)
    }
  return bytes
}

/** The half-precision number at or next below a float, which is no smaller than 2⁻¹⁴. */
function halfOf(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
  return ((bits >> 16) & 0x8000) | (((bits & 0x7fffffff) - 0x38000000) >> 13)
}
