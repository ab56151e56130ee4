/** Configs of published shapes, for checkpoints that are written at random. */

/** Llama 7B (arXiv 2302.13971); a smaller `hidden` makes everything smaller, for tests. */
export function llamaConfig({
  layers,
  hidden,
}: {
  readonly layers: number
  readonly hidden: number
}): Record<string, unknown> {
  const isWhole = hidden === 4096
  return {
    model_type: 'llama',
    hidden_size: hidden,
    intermediate_size: Math.round((11_008 * hidden) / 4096),
    num_hidden_layers: layers,
    num_attention_heads: Math.min(32, hidden / 2),
    vocab_size: isWhole ? 32_000 : 512,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  }
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
