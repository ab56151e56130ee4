/**
 * A checkpoint folder → the GGUF file that llama.cpp's converter makes of it: its keys, its names, its order of rows.
 * Written apart from what reads such files. Source: `convert_hf_to_gguf.py` and `tensor_mapping.py` of llama.cpp.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import protobuf from 'protobufjs'
import { headerLength, PREFIX_BYTES, parseHeader } from '../../src/weights/safetensors.ts'
import type { GgufTensorToWrite, GgufToWrite, MetadataValue } from './gguf-file.ts'
import { readSafetensors } from './safetensors-file.ts'

interface HubConfig {
  readonly [key: string]: unknown
  readonly model_type: string
  readonly hidden_size: number
  readonly num_attention_heads: number
  readonly num_key_value_heads: number
  readonly vocab_size: number
}

type Metadata = Record<string, MetadataValue>

const ARCHITECTURES: Readonly<Record<string, string>> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  gemma3_text: 'gemma3',
  phi3: 'phi3',
}

const NAMES: readonly (readonly [hub: string, gguf: string])[] = [
  ['model.embed_tokens', 'token_embd'],
  ['model.norm', 'output_norm'],
  ['lm_head', 'output'],
  ['input_layernorm', 'attn_norm'],
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.qkv_proj', 'attn_qkv'],
  ['self_attn.o_proj', 'attn_output'],
  ['self_attn.q_norm', 'attn_q_norm'],
  ['self_attn.k_norm', 'attn_k_norm'],
  ['pre_feedforward_layernorm', 'ffn_norm'],
  ['post_feedforward_layernorm', 'post_ffw_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
  ['mlp.gate_up_proj', 'ffn_up'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
]

/** `pre` names the pre-tokenizer of a byte-level tokenizer. */
export function convertCheckpoint(folder: string, pre = 'default'): GgufToWrite {
  const config = json(folder, 'config.json') as HubConfig
  const arch = ARCHITECTURES[config.model_type]
  if (arch === undefined) throw new Error(`no architecture for ${config.model_type}`)
  return {
    metadata: { ...parameters(config, arch), ...tokenizer(folder, config, pre) },
    tensors: { ...ropeFactors(config), ...tensors(folder, config) },
  }
}

function parameters(config: HubConfig, arch: string): Metadata {
  const values: Metadata = {
    'general.architecture': ['string', arch],
    'general.type': ['string', 'model'],
    'general.name': ['string', 'test'],
    'general.file_type': ['u32', 0],
  }
  const put = (key: string, type: 'u32' | 'f32', value: unknown) => {
    if (value !== undefined && value !== null) values[`${arch}.${key}`] = [type, value as number]
  }
  put('block_count', 'u32', config['num_hidden_layers'])
  put('context_length', 'u32', config['max_position_embeddings'])
  put('embedding_length', 'u32', config.hidden_size)
  put('feed_forward_length', 'u32', config['intermediate_size'])
  put('attention.head_count', 'u32', config.num_attention_heads)
  put('attention.head_count_kv', 'u32', config.num_key_value_heads)
  put('attention.layer_norm_rms_epsilon', 'f32', config['rms_norm_eps'])
  put('attention.key_length', 'u32', config['head_dim'])
  put('attention.value_length', 'u32', config['head_dim'])
  put('rope.freq_base', 'f32', config['rope_theta'])
  // The converter leaves Mistral's out, and Qwen's, which is switched off.
  if (!arch.startsWith('qwen')) put('attention.sliding_window', 'u32', config['sliding_window'])
  put('rope.freq_base_swa', 'f32', config['rope_local_base_freq'])
  const headDim = headDimOf(config)
  if (arch === 'llama' || arch === 'phi3') {
    put('rope.dimension_count', 'u32', headDim * ((config['partial_rotary_factor'] as number) ?? 1))
  }
  if (arch === 'llama') put('vocab_size', 'u32', config.vocab_size)
  if (arch === 'phi3')
    put('rope.scaling.original_context_length', 'u32', config['original_max_position_embeddings'])
  const scaling = config['rope_scaling'] as { rope_type?: string; factor?: number } | null
  if (scaling?.rope_type === 'linear' || scaling?.rope_type === 'yarn') {
    values[`${arch}.rope.scaling.type`] = ['string', scaling.rope_type]
    put('rope.scaling.factor', 'f32', scaling.factor)
  }
  return values
}

function headDimOf(config: HubConfig): number {
  return (config['head_dim'] as number) ?? config.hidden_size / config.num_attention_heads
}

/** `generate_extra_tensors` of LlamaModel. */
function ropeFactors(config: HubConfig): Record<string, GgufTensorToWrite> {
  const scaling = config['rope_scaling'] as Record<string, number> | null
  if ((scaling as { rope_type?: unknown } | null)?.rope_type !== 'llama3') return {}
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling as Record<string, number>
  const context = scaling!['original_max_position_embeddings']!
  const headDim = headDimOf(config)
  const factors = Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * (config['rope_theta'] as number) ** ((2 * i) / headDim)
    if (wavelength < context / high!) return 1
    if (wavelength > context / low!) return factor!
    const smooth = (context / wavelength - low!) / (high! - low!)
    return 1 / ((1 - smooth) / factor! + smooth)
  })
  return { 'rope_freqs.weight': { shape: [factors.length], data: factors } }
}

function tensors(folder: string, config: HubConfig): Record<string, GgufTensorToWrite> {
  const values = readSafetensors(join(folder, 'model.safetensors'))
  const shapes = safetensorsShapes(join(folder, 'model.safetensors'))
  return Object.fromEntries(
    [...values].map(([name, data]) => {
      const shape = shapes.get(name)!
      return [ggufName(name, config), { shape, data: converted(name, data, config) }]
    }),
  )
}

function ggufName(name: string, config: HubConfig): string {
  const [, layer, part, kind] = /^(?:model\.layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name)!
  const isGemma = config.model_type === 'gemma3_text'
  const found =
    isGemma && part === 'post_attention_layernorm'
      ? 'post_attention_norm'
      : NAMES.find(([hub]) => hub === part)?.[1]
  if (found === undefined) throw new Error(`no name for ${name}`)
  return layer === undefined ? `${found}.${kind}` : `blk.${layer}.${found}.${kind}`
}

function converted(name: string, data: Float32Array, config: HubConfig): Float32Array {
  switch (config.model_type) {
    case 'llama':
    case 'mistral':
      if (/q_proj\.\w+$/.test(name))
        return permute(data, config.num_attention_heads, headDimOf(config))
      if (/k_proj\.\w+$/.test(name))
        return permute(data, config.num_key_value_heads, headDimOf(config))
      return data
    case 'gemma3_text': {
      if (!name.endsWith('norm.weight')) return data
      const shifted = data.map((value) => value + 1)
      // GGUF files have no scale of scores, which is linear in the queries behind their norm.
      const scale = ((config['query_pre_attn_scalar'] as number) / headDimOf(config)) ** -0.5
      return name.endsWith('q_norm.weight') ? shifted.map((value) => value * scale) : shifted
    }
    default:
      return data
  }
}

/** `LlamaModel.permute`: rows [heads, 2, half] become [heads, half, 2]. */
function permute(data: Float32Array, heads: number, headDim: number): Float32Array {
  const width = data.length / (heads * headDim)
  const rows = (row: number) => data.subarray(row * width, (row + 1) * width)
  const out = new Float32Array(data.length)
  let to = 0
  for (let head = 0; head < heads; head++) {
    for (let pair = 0; pair < headDim / 2; pair++) {
      for (const part of [0, 1]) {
        out.set(rows(head * headDim + part * (headDim / 2) + pair), to++ * width)
      }
    }
  }
  return out
}

interface TokenizerJson {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: (string | string[])[] }
  readonly added_tokens: { id: number; content: string; special: boolean }[]
}

const [NORMAL, CONTROL, USER_DEFINED, UNUSED] = [1, 3, 4, 5]

function tokenizer(folder: string, config: HubConfig, pre: string): Metadata {
  const { model, added_tokens: added } = json(folder, 'tokenizer.json') as unknown as TokenizerJson
  const options = json(folder, 'tokenizer_config.json')
  const texts = Array.from({ length: config.vocab_size }, (_, id) => `[PAD${id}]`)
  const types = texts.map(() => UNUSED)
  for (const [text, id] of Object.entries(model.vocab)) [texts[id], types[id]] = [text, NORMAL]
  const pieces = readPieces(folder)
  for (const [id, { type }] of pieces.entries()) types[id] = type
  for (const { id, content, special } of added)
    [texts[id], types[id]] = [content, special ? CONTROL : USER_DEFINED]
  const idOf = (key: string) => texts.indexOf(String(options[key]))
  const optional = (key: string, name: string): Metadata =>
    typeof options[name] === 'string' ? { [`tokenizer.ggml.${key}`]: ['u32', idOf(name)] } : {}
  return {
    'tokenizer.ggml.model': ['string', pieces.length > 0 ? 'llama' : 'gpt2'],
    'tokenizer.ggml.pre': ['string', pre],
    'tokenizer.ggml.tokens': ['string', texts],
    'tokenizer.ggml.token_type': ['i32', types],
    ...(pieces.length > 0
      ? { 'tokenizer.ggml.scores': ['f32', texts.map((_, id) => pieces[id]?.score ?? -1000)] }
      : {
          'tokenizer.ggml.merges': [
            'string',
            model.merges.map((pair) => (typeof pair === 'string' ? pair : pair.join(' '))),
          ],
        }),
    ...optional('bos_token_id', 'bos_token'),
    ...optional('eos_token_id', 'eos_token'),
    ...optional('unknown_token_id', 'unk_token'),
    ...optional('padding_token_id', 'pad_token'),
    ...(config.model_type === 'gemma3_text'
      ? { 'tokenizer.ggml.add_space_prefix': ['bool', false] }
      : {}),
    ...(typeof options['chat_template'] === 'string'
      ? { 'tokenizer.chat_template': ['string', options['chat_template']] }
      : {}),
  }
}

interface Piece {
  readonly score: number
  readonly type: number
}

const PIECES = protobuf
  .parse(`
  syntax = "proto2";
  message Piece { optional float score = 2; optional int32 type = 3 [default = 1]; }
  message Model { repeated Piece pieces = 1; }
`)
  .root.lookupType('Model')

/** Scores and types of SentencePiece's own file; none where there is no such file. */
function readPieces(folder: string): readonly Piece[] {
  const path = join(folder, 'tokenizer.model')
  if (!existsSync(path)) return []
  const model = PIECES.toObject(PIECES.decode(readFileSync(path)), { defaults: true })
  return (model as { pieces: Piece[] }).pieces
}

function safetensorsShapes(path: string): Map<string, readonly number[]> {
  const bytes = new Uint8Array(readFileSync(path))
  const dataStart = PREFIX_BYTES + headerLength(bytes, bytes.length)
  const entries = parseHeader(bytes.subarray(PREFIX_BYTES, dataStart), bytes.length)
  return new Map(entries.map(({ name, shape }) => [name, shape]))
}

function json(folder: string, file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'))
}

/** Q8_0 of floats whose largest is far below 127: every block with the scale 2⁻⁷. */
export function eightBits(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / 32) * 34)
  for (let block = 0; block < values.length / 32; block++) {
    bytes.set([0x00, 0x20], block * 34)
    for (let i = 0; i < 32; i++)
      bytes[block * 34 + 2 + i] = Math.max(
        -127,
        Math.min(127, Math.round(values[block * 32 + i]! * 128)),
      )
  }
  return bytes
}
