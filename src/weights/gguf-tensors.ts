/**
 * Tensors of a GGUF model under the published names, and what the converter changed of them.
 * Source: `tensor_mapping.py` and `convert_hf_to_gguf.py` of llama.cpp.
 */
import { AerieError } from '../errors.ts'
import type { Change } from './converter-change.ts'
import type { HubConfig } from './gguf-config.ts'
import type { GgufFile } from './gguf-split.ts'
import type { WeightTensor } from './weights.ts'

/** Divisors of the rotation's frequencies; part of the config on the hub. */
export const ROPE_FACTORS = 'rope_freqs.weight'
/** Factors for short and for long prompts (LongRoPE), which no family here knows. */
const LONG_ROPE = /^rope_factors_(short|long)\.weight$/

const OUTSIDE: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
}

/** Below `blk.N` → below `model.layers.N`. */
const OF_LAYER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_qkv: 'self_attn.qkv_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
}

/** What is called otherwise in some models, by the hub's `model_type`. */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  gemma3_text: {
    post_attention_norm: 'post_attention_layernorm',
    ffn_norm: 'pre_feedforward_layernorm',
    post_ffw_norm: 'post_feedforward_layernorm',
  },
  phi3: { ffn_up: 'mlp.gate_up_proj' },
}

/** A name that means nothing here stays as it is, and is found to be used by nothing. Throws `invalid_package`. */
export function publishedTensors(
  file: Pick<GgufFile, 'tensors'>,
  config: HubConfig,
): WeightTensor[] {
  const modelType = config['model_type'] as string
  const layerNames = { ...OF_LAYER, ...EXCEPTIONS[modelType] }
  return file.tensors
    .filter(({ name }) => name !== ROPE_FACTORS)
    .map((tensor) => {
      if (LONG_ROPE.test(tensor.name))
        throw new AerieError(
          'invalid_package',
          `tensor ${tensor.name}: LongRoPE scaling is not supported`,
        )
      const change = changeOf(tensor.name, config)
      return {
        ...tensor,
        name: publishedName(tensor.name, layerNames),
        ...(change ? { change } : {}),
      }
    })
}

function publishedName(name: string, layerNames: Readonly<Record<string, string>>): string {
  const [, layer, part, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? []
  if (part === undefined) return name
  const names = layer === undefined ? OUTSIDE : layerNames
  if (!Object.hasOwn(names, part)) return name
  const prefix = layer === undefined ? '' : `model.layers.${layer}.`
  return `${prefix}${names[part]}.${kind}`
}

function changeOf(name: string, config: HubConfig): Change | undefined {
  switch (config['model_type']) {
    case 'llama':
    case 'mistral': {
      const [, part] = /\.attn_([qk])\.(?:weight|bias)$/.exec(name) ?? []
      if (part === undefined) return undefined
      const heads = config[part === 'q' ? 'num_attention_heads' : 'num_key_value_heads']
      return { kind: 'neighbouring-pairs', heads: heads as number }
    }
    case 'gemma3_text':
      return name.endsWith('norm.weight') ? { kind: 'plus-one' } : undefined
    default:
      return undefined
  }
}
