/**
 * GGUF metadata → the config.json that the hub would hold for the same model. What would be computed wrongly is
 * refused by its key. Sources: the GGUF specification and `convert_hf_to_gguf.py` of llama.cpp, which writes the keys.
 */
import { AerieError } from '../errors.ts'
import type { GgufFile } from './gguf-split.ts'
import { ROPE_FACTORS } from './gguf-tensors.ts'

/** What a family's `parseConfig` takes. */
export type HubConfig = Readonly<Record<string, unknown>>

/** What is read of a model: its keys, and which tensors there are. */
type ReadGguf = Pick<GgufFile, 'metadata' | 'tensors'>

type Architecture = (reader: Reader) => HubConfig

/** By `general.architecture`. */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: (reader) => ({
    ...plain(reader),
    attention_bias: reader.hasTensor('blk.0.attn_q.bias'),
    mlp_bias: reader.hasTensor('blk.0.ffn_gate.bias'),
    ...llamaOrMistral(reader),
  }),
  qwen2: (reader) => ({ model_type: 'qwen2', ...plain(reader) }),
  qwen3: (reader) => ({ model_type: 'qwen3', ...plain(reader) }),
  gemma3,
  phi3: (reader) => {
    const config = plain(reader, { partialRotary: true })
    // Phi-4 is told by a window of nothing.
    const window = reader.integer('attention.sliding_window', 0)
    return { model_type: 'phi3', ...config, sliding_window: window === 0 ? null : window }
  },
}

/**
 * `factors` are the values of the tensor {@link ROPE_FACTORS} where the file has one. Throws `invalid_package`,
 * naming the key or the tensor.
 */
export function hubConfig(file: ReadGguf, factors: readonly number[] | undefined): HubConfig {
  const { metadata } = file
  if (metadata.has('adapter.type'))
    throw metadata.mismatch('adapter.type', 'nothing: the whole model')
  if (metadata.string('general.type', 'model') !== 'model')
    throw metadata.mismatch('general.type', '"model"')
  // Version 1 had other blocks.
  if (metadata.integer('general.quantization_version', 2) !== 2)
    throw metadata.mismatch('general.quantization_version', '2')
  const name = metadata.string('general.architecture')
  const architecture = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined
  if (!architecture)
    throw metadata.mismatch('general.architecture', Object.keys(ARCHITECTURES).join(', '))
  const reader = new Reader(file, name, factors)
  const config = architecture(reader)
  const [unknown] = metadata.unread(`${name}.`)
  if (unknown !== undefined)
    throw metadata.mismatch(unknown, 'nothing: it would change what is computed, and is not known')
  return config
}

/** The fields that all have. */
function plain(reader: Reader, { partialRotary = false } = {}): HubConfig {
  const hidden = reader.size('embedding_length')
  const heads = reader.size('attention.head_count')
  const headDim = reader.size('attention.key_length', Math.floor(hidden / heads))
  reader.only('attention.value_length', headDim)
  reader.only('attention.causal', true)
  reader.only('expert_count', 0)
  reader.only('expert_used_count', 0)
  reader.only('tensor_data_layout', 'Meta AI original pth')
  const rotated = reader.size('rope.dimension_count', headDim)
  if (rotated !== headDim && !partialRotary) reader.only('rope.dimension_count', headDim)
  const [vocabulary] = reader.shapeOf('token_embd.weight')
  // Rows of the embedding count, which may be more than the vocabulary.
  reader.integer('vocab_size', vocabulary)
  return {
    vocab_size: vocabulary,
    hidden_size: hidden,
    intermediate_size: reader.size('feed_forward_length'),
    num_hidden_layers: reader.size('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: reader.size('attention.head_count_kv', heads),
    head_dim: headDim,
    max_position_embeddings: reader.size('context_length'),
    rms_norm_eps: reader.number('attention.layer_norm_rms_epsilon'),
    rope_theta: reader.number('rope.freq_base', 10_000),
    rope_scaling: ropeScaling(reader),
    tie_word_embeddings: !reader.hasTensor('output.weight'),
    ...(partialRotary ? { partial_rotary_factor: rotated / headDim } : {}),
  }
}

/** Files say `llama` for both; only Mistral has a window. */
function llamaOrMistral(reader: Reader): HubConfig {
  const window = reader.integer('attention.sliding_window', 0)
  return window === 0 ? { model_type: 'llama' } : { model_type: 'mistral', sliding_window: window }
}

/** `rope.scaling` in the hub's spelling, or what `llama3` scaling came to. */
function ropeScaling(reader: Reader): HubConfig | null {
  const { factors } = reader
  const kind = reader.string('rope.scaling.type', 'none')
  // Whether the model was trained with it changes nothing.
  reader.boolean('rope.scaling.finetuned', false)
  // Written for Phi-3 whether or not anything is scaled.
  const original = reader.integer('rope.scaling.original_context_length', 0)
  if (factors) {
    reader.only('rope.scaling.type', 'none')
    return { rope_type: 'factors', factors }
  }
  switch (kind) {
    case 'none':
      return null
    case 'linear':
      return { rope_type: 'linear', factor: reader.number('rope.scaling.factor') }
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: reader.number('rope.scaling.factor'),
        ...(original === 0 ? {} : { original_max_position_embeddings: original }),
        beta_fast: reader.number('rope.scaling.yarn_beta_fast', 32),
        beta_slow: reader.number('rope.scaling.yarn_beta_slow', 1),
      }
    default:
      throw reader.mismatch('rope.scaling.type', 'none, linear or yarn')
  }
}

/** Layers in the largest Gemma 3, the only one whose scores are not scaled by the width of a head. */
const LAYERS_OF_GEMMA3_27B = 62

function gemma3(reader: Reader): HubConfig {
  const config = plain(reader)
  const { hidden_size: hidden, num_attention_heads: heads, num_hidden_layers: layers } = config
  const window = reader.integer('attention.sliding_window', 0)
  reader.only('final_logit_softcapping', 0)
  return {
    ...config,
    model_type: 'gemma3_text',
    // No key says it; llama.cpp knows the model by its layers, too.
    query_pre_attn_scalar:
      layers === LAYERS_OF_GEMMA3_27B
        ? Math.floor((hidden as number) / (heads as number))
        : config['head_dim'],
    rope_local_base_freq: reader.number('rope.freq_base_swa', 10_000),
    ...(window === 0
      ? { sliding_window_pattern: 1 }
      : {
          sliding_window: window,
          sliding_window_pattern: reader.size('attention.sliding_window_pattern', 6),
        }),
  }
}

/** Keys below the architecture's name. */
class Reader {
  readonly #file: ReadGguf
  readonly #architecture: string
  /** Of the rotation's frequencies, one a pair. */
  readonly factors: readonly number[] | undefined

  constructor(file: ReadGguf, architecture: string, factors: readonly number[] | undefined) {
    this.#file = file
    this.#architecture = architecture
    this.factors = factors
  }

  integer(key: string, fallback?: number): number {
    return this.#file.metadata.integer(this.#full(key), fallback)
  }

  size(key: string, fallback?: number): number {
    const value = this.integer(key, fallback)
    if (value < 1) throw this.mismatch(key, 'a whole number from 1 on')
    return value
  }

  number(key: string, fallback?: number): number {
    return this.#file.metadata.number(this.#full(key), fallback)
  }

  string(key: string, fallback?: string): string {
    return this.#file.metadata.string(this.#full(key), fallback)
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.#file.metadata.boolean(this.#full(key), fallback)
  }

  /** Refuses a key that is there with another value. */
  only(key: string, value: string | number | boolean): void {
    const { metadata } = this.#file
    const full = this.#full(key)
    const found =
      typeof value === 'string'
        ? metadata.string(full, value)
        : typeof value === 'number'
          ? metadata.number(full, value)
          : metadata.boolean(full, value)
    if (found !== value) throw metadata.mismatch(full, JSON.stringify(value))
  }

  mismatch(key: string, expected: string): AerieError {
    return this.#file.metadata.mismatch(this.#full(key), expected)
  }

  hasTensor(name: string): boolean {
    return this.#file.tensors.some((tensor) => tensor.name === name)
  }

  shapeOf(name: string): readonly number[] {
    const tensor = this.#file.tensors.find((candidate) => candidate.name === name)
    if (!tensor) throw new AerieError('invalid_package', `there is no tensor ${name}`)
    return tensor.shape
  }

  #full(key: string): string {
    return `${this.#architecture}.${key}`
  }
}
