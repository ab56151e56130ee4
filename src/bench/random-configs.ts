/** Configs of published shapes, for checkpoints that are written at random. */

/** A decoder in the hub's terms. */
export interface DecoderShape {
  /** qwen2 has biases of q, k and v. */
  readonly modelType: 'llama' | 'qwen2'
  readonly hidden: number
  readonly intermediate: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly vocabulary: number
  readonly maxPositions: number
  readonly ropeTheta: number
  /** The head is the embedding. */
  readonly isTied: boolean
}

/** The config.json of a decoder. */
export function decoderConfig(shape: DecoderShape): Record<string, unknown> {
  const { modelType } = shape
  return {
    architectures: [modelType === 'llama' ? 'LlamaForCausalLM' : 'Qwen2ForCausalLM'],
    model_type: modelType,
    hidden_act: 'silu',
    hidden_size: shape.hidden,
    intermediate_size: shape.intermediate,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    vocab_size: shape.vocabulary,
    max_position_embeddings: shape.maxPositions,
    rope_theta: shape.ropeTheta,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: shape.isTied,
    eos_token_id: 0,
    torch_dtype: 'bfloat16',
  }
}

/** A SigLIP tower in the hub's terms; sizes in pixels. */
export interface TowerShape {
  readonly hidden: number
  readonly intermediate: number
  readonly layers: number
  readonly heads: number
  readonly patchSize: number
  readonly imageSize: number
}

/**
 * The config.json of VILA's layout around a decoder: the tower's last layer but one, two layers of a projector, and a position
 * of the decoder for every patch. Decoders of Qwen2 are NVILA's, those of Llama VILA-1.5's.
 */
export function vilaConfig(decoder: DecoderShape, tower: TowerShape): Record<string, unknown> {
  const encoder = JSON.stringify({ _target_: 'llava.model.encoders.BasicImageEncoder' })
  return {
    architectures: ['LlavaLlamaModel'],
    model_type: 'llava_llama',
    hidden_size: decoder.hidden,
    mm_hidden_size: tower.hidden,
    mm_vision_select_layer: -2,
    mm_vision_select_feature: 'cls_patch',
    image_aspect_ratio: 'pad',
    ...(decoder.modelType === 'qwen2' && { image_encoder: encoder }),
    llm_cfg: decoderConfig(decoder),
    vision_tower_cfg: {
      model_type: 'siglip_vision_model',
      hidden_size: tower.hidden,
      intermediate_size: tower.intermediate,
      num_hidden_layers: tower.layers,
      num_attention_heads: tower.heads,
      patch_size: tower.patchSize,
      image_size: tower.imageSize,
      num_channels: 3,
      layer_norm_eps: 1e-6,
      hidden_act: 'gelu_pytorch_tanh',
    },
    mm_projector_cfg: { mm_projector_type: 'mlp2x_gelu' },
  }
}

/** Llama 7B (arXiv 2302.13971); a smaller `hidden` makes everything smaller, for tests. */
export function llamaConfig({
  layers,
  hidden,
}: {
  readonly layers: number
  readonly hidden: number
}): Record<string, unknown> {
  const isWhole = hidden === 4096
  const heads = Math.min(32, hidden / 2)
  return decoderConfig({
    modelType: 'llama',
    hidden,
    intermediate: Math.round((11_008 * hidden) / 4096),
    layers,
    heads,
    kvHeads: heads,
    headDim: hidden / heads,
    vocabulary: isWhole ? 32_000 : 512,
    maxPositions: 4096,
    ropeTheta: 10_000,
    isTied: false,
  })
}

/**
 * What sees in Eagle-X5-7B (arXiv 2408.15998): five towers at their published sizes and a projector as wide as its Vicuna. The
 * decoder behind it has one narrow layer and few words.
 */
export const EAGLE_X5_EYES: Readonly<Record<string, unknown>> = {
  model_type: 'eagle_llama',
  mm_vision_tower: 'clip-448;convnext-1024;sam-1024;det-1024;pix2struct-1024',
  mm_hidden_size: 7680,
  mm_projector_type: 'mlp2x_gelu',
  image_aspect_ratio: 'pad',
  tokenizer_model_max_length: 2048,
  hidden_size: 4096,
  intermediate_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  head_dim: 32,
  vocab_size: 512,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
}
