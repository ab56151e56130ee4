/** GGUF metadata → the hub's config: what is mapped, and what is refused by its key. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TextDecoderConfig } from '../../models/blocks/text-config.ts'
import { modelConfig } from '../../models/load-config.ts'
import { type HubConfig, hubConfig } from '../../src/weights/gguf-config.ts'
import { parseGgufHeader } from '../../src/weights/gguf-header.ts'
import { GgufMetadata } from '../../src/weights/gguf-metadata.ts'
import { joinShards } from '../../src/weights/gguf-split.ts'
import { publishedTensors } from '../../src/weights/gguf-tensors.ts'
import { ggufBytes, type MetadataValue } from '../support/gguf-file.ts'

type Metadata = Readonly<Record<string, MetadataValue>>

/** A file of `arch` with the keys below it, and tensors of these shapes. */
function fileOf(arch: string, keys: Metadata, tensors: Readonly<Record<string, number[]>> = {}) {
  const shapes = { 'token_embd.weight': [40, 24], ...tensors }
  const sizes: Metadata = {
    block_count: ['u32', 6],
    context_length: ['u32', 512],
    embedding_length: ['u32', 24],
    feed_forward_length: ['u32', 48],
    'attention.head_count': ['u32', 4],
    'attention.head_count_kv': ['u32', 2],
    'attention.key_length': ['u32', 8],
    'attention.layer_norm_rms_epsilon': ['f32', 1e-5],
  }
  const below = Object.entries({ ...sizes, ...keys }).map(
    ([key, value]) => [key.includes('general.') ? key : `${arch}.${key}`, value] as const,
  )
  const bytes = ggufBytes({
    metadata: { 'general.architecture': ['string', arch], ...Object.fromEntries(below) },
    tensors: Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) },
      ]),
    ),
  })
  return modelOf(bytes)
}

function modelOf(bytes: Buffer) {
  const { metadata, ...header } = parseGgufHeader(bytes, bytes.length)
  const head = { ...header, path: 'x.gguf', bytes: bytes.length }
  return joinShards({ ...head, metadata: new GgufMetadata(metadata) })
}

const configOf = (arch: string, keys: Metadata = {}, tensors = {}) =>
  hubConfig(fileOf(arch, keys, tensors), undefined)
const parsed = async (config: HubConfig) =>
  (await modelConfig(config, 'x.gguf')).config as TextDecoderConfig

describe('the config of a GGUF file', () => {
  it('has the sizes of its keys and its embedding', async () => {
    const config = await parsed(configOf('llama', { 'rope.freq_base': ['f32', 500_000] }))
    assert.equal(config.vocabSize, 40)
    assert.equal(config.hiddenSize, 24)
    assert.equal(config.intermediateSize, 48)
    assert.deepEqual([config.layers, config.heads, config.kvHeads, config.headDim], [6, 4, 2, 8])
    assert.equal(config.maxPositions, 512)
    assert.ok(Math.abs(config.norm.epsilon - 1e-5) < 1e-11)
    const [, second] = config.attention.layers[0]!.rope.inverseFrequencies
    assert.ok(Math.abs(second! - 500_000 ** -0.25) < 1e-12)
  })

  it('ties the head to the embedding where there is no tensor for it', () => {
    assert.equal(configOf('llama')['tie_word_embeddings'], true)
    const head = { 'output.weight': [40, 24] }
    assert.equal(configOf('llama', {}, head)['tie_word_embeddings'], false)
  })

  it('has biases where there are tensors for them', () => {
    const tensors = { 'blk.0.attn_q.bias': [32], 'blk.0.ffn_gate.bias': [48] }
    const { attention_bias: attention, mlp_bias: mlp } = configOf('llama', {}, tensors)
    assert.deepEqual([attention, mlp], [true, true])
    assert.equal(configOf('llama')['attention_bias'], false)
  })

  it('of a Llama with a window is a Mistral', async () => {
    assert.equal(configOf('llama')['model_type'], 'llama')
    const config = configOf('llama', { 'attention.sliding_window': ['u32', 16] })
    assert.equal(config['model_type'], 'mistral')
    assert.equal((await parsed(config)).attention.layers[0]?.window, 16)
  })

  it('scales rotation linearly, by YaRN, or by the factors of a tensor', async () => {
    const yarn: Metadata = {
      'rope.scaling.type': ['string', 'yarn'],
      'rope.scaling.factor': ['f32', 4],
      'rope.scaling.original_context_length': ['u32', 128],
      'rope.scaling.finetuned': ['bool', true],
    }
    assert.deepEqual(configOf('qwen2', yarn)['rope_scaling'], {
      rope_type: 'yarn',
      factor: 4,
      original_max_position_embeddings: 128,
      beta_fast: 32,
      beta_slow: 1,
    })
    const linear: Metadata = {
      'rope.scaling.type': ['string', 'linear'],
      'rope.scaling.factor': ['f32', 8],
    }
    const plain = (await parsed(configOf('llama'))).attention.layers[0]!.rope
    const slowed = (await parsed(configOf('llama', linear))).attention.layers[0]!.rope
    assert.equal(slowed.inverseFrequencies[1], plain.inverseFrequencies[1]! / 8)
    const factors = [1, 2, 4, 8]
    const divided = (await parsed(hubConfig(fileOf('llama', {}), factors))).attention.layers[0]!
    assert.deepEqual(
      divided.rope.inverseFrequencies,
      plain.inverseFrequencies.map((frequency, i) => frequency / factors[i]!),
    )
    const tooFew = hubConfig(fileOf('llama', {}), [1, 2])
    await assert.rejects(parsed(tooFew), /rope_scaling.factors: expected 4 numbers above 0/)
  })

  it('of Gemma 3 has windows, two rotations, and scores scaled as the model of that size has', async () => {
    const window: Metadata = { 'attention.sliding_window': ['u32', 16] }
    const small = await parsed(configOf('gemma3', { ...window, 'rope.freq_base': ['f32', 1e6] }))
    assert.deepEqual(
      small.attention.layers.map((layer) => layer.window),
      [16, 16, 16, 16, 16, undefined],
    )
    assert.equal(small.attention.scale, 8 ** -0.5)
    const [sliding, , , , , whole] = small.attention.layers
    assert.ok(Math.abs(sliding!.rope.inverseFrequencies[1]! - 10_000 ** -0.25) < 1e-12)
    assert.ok(Math.abs(whole!.rope.inverseFrequencies[1]! - 1e6 ** -0.25) < 1e-12)
    const largest = await parsed(configOf('gemma3', { ...window, block_count: ['u32', 62] }))
    assert.equal(largest.attention.scale, 6 ** -0.5)
    const without = await parsed(configOf('gemma3'))
    assert.ok(without.attention.layers.every((layer) => layer.window === undefined))
  })

  it('of Phi-3 rotates a part of each head, and has no window where the file says 0', async () => {
    const part: Metadata = { 'rope.dimension_count': ['u32', 4] }
    const config = await parsed(configOf('phi3', part))
    assert.equal(config.attention.layers[0]?.rope.inverseFrequencies.length, 2)
    const none = configOf('phi3', { 'attention.sliding_window': ['u32', 0] })
    assert.equal((await parsed(none)).attention.layers[0]?.window, undefined)
  })

  it('refuses by its key what it would compute wrongly', () => {
    const refusals: [arch: string, keys: Metadata, message: RegExp][] = [
      ['mamba', {}, /^general.architecture: expected llama, qwen2, .*, got "mamba"$/],
      ['__proto__', {}, /^general.architecture: expected/],
      ['llama', { 'general.type': ['string', 'adapter'] }, /^general.type: expected "model"/],
      ['llama', { 'general.quantization_version': ['u32', 1] }, /^general.quantization_version/],
      [
        'llama',
        { 'attention.value_length': ['u32', 4] },
        /^llama.attention.value_length: expected 8/,
      ],
      ['llama', { 'rope.dimension_count': ['u32', 4] }, /^llama.rope.dimension_count: expected 8/],
      ['llama', { expert_count: ['u32', 8] }, /^llama.expert_count: expected 0, got 8$/],
      ['llama', { 'attention.causal': ['bool', false] }, /^llama.attention.causal: expected true/],
      ['llama', { logit_scale: ['f32', 2] }, /^llama.logit_scale: expected nothing/],
      ['qwen2', { 'attention.sliding_window': ['u32', 9] }, /^qwen2.attention.sliding_window/],
      ['llama', { 'rope.scaling.type': ['string', 'longrope'] }, /^llama.rope.scaling.type/],
      [
        'llama',
        { 'rope.scaling.yarn_attn_factor': ['f32', 2] },
        /yarn_attn_factor: expected nothing/,
      ],
      ['gemma3', { final_logit_softcapping: ['f32', 30] }, /^gemma3.final_logit_softcapping/],
      ['llama', { block_count: ['u32', 0] }, /^llama.block_count: expected a whole number from 1/],
      [
        'llama',
        { block_count: ['f32', 2.5] },
        /^llama.block_count: expected a whole number, got 2.5/,
      ],
      [
        'llama',
        { feed_forward_length: ['u32', [1, 2]] },
        /^llama.feed_forward_length: .*a list of 2/,
      ],
      ['llama', { context_length: ['string', 'long'] }, /^llama.context_length: .*got "long"$/],
    ]
    for (const [arch, keys, message] of refusals)
      assert.throws(() => configOf(arch, keys), { code: 'invalid_package', message })
    const split = fileOf('llama', { 'general.x': ['u32', 1] })
    assert.doesNotThrow(() => hubConfig(split, undefined), 'general keys say nothing of the model')
  })

  it('refuses an adapter, and a file without an embedding', () => {
    const bytes = ggufBytes({
      metadata: { 'general.architecture': ['string', 'llama'], 'adapter.type': ['string', 'lora'] },
      tensors: {},
    })
    assert.throws(
      () => hubConfig(modelOf(bytes), undefined),
      /^AerieError: adapter.type: expected nothing: the whole model/,
    )
    const { tensors, ...rest } = fileOf('llama', {})
    assert.equal(tensors.length, 1)
    assert.throws(
      () => hubConfig({ ...rest, tensors: [] }, undefined),
      /no tensor token_embd.weight/,
    )
  })
})

describe('tensors of a GGUF file', () => {
  const names = (arch: string, tensors: Readonly<Record<string, number[]>>) => {
    const file = fileOf(arch, {}, tensors)
    return publishedTensors(file, hubConfig(file, undefined)).map(({ name }) => name)
  }

  it('have their published names; strange ones keep theirs', () => {
    const tensors = { 'blk.1.attn_q.weight': [32, 24], 'blk.0.new_thing.weight': [1], extra: [1] }
    assert.deepEqual(names('llama', { ...tensors, 'rope_freqs.weight': [4] }), [
      'model.embed_tokens.weight',
      'model.layers.1.self_attn.q_proj.weight',
      'blk.0.new_thing.weight',
      'extra',
    ])
    assert.deepEqual(names('phi3', { 'blk.0.ffn_up.weight': [1] }).slice(1), [
      'model.layers.0.mlp.gate_up_proj.weight',
    ])
  })

  it('of LongRoPE are refused', () => {
    assert.throws(() => names('phi3', { 'rope_factors_long.weight': [4] }), {
      code: 'invalid_package',
      message: /rope_factors_long.weight: LongRoPE scaling is not supported/,
    })
  })
})
