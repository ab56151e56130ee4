/** What is read from the names of GGUF files, as the hub's repositories spell them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  ggufStem,
  groupShards,
  isGgufModel,
  quantisationOf,
  shardName,
  shardOf,
  variantNames,
  variantsNamed,
} from '../src/gguf-name.ts'

describe('the name of a GGUF file', () => {
  it('says the quantisation', () => {
    for (const [name, quantisation] of [
      ['Qwen3-0.6B-Q4_K_M.gguf', 'Q4_K_M'],
      ['qwen2.5-0.5b-instruct-q4_k_m.gguf', 'Q4_K_M'],
      ['SmolLM2-135M-Instruct.Q4_1.gguf', 'Q4_1'],
      ['model_q8_0.gguf', 'Q8_0'],
      ['Phi-3-mini-4k-instruct-fp16.gguf', 'FP16'],
      ['gemma-3-1b-it-BF16-00001-of-00002.gguf', 'BF16'],
      ['Qwen3-8B-UD-Q4_K_XL.gguf', 'UD-Q4_K_XL'],
      ['Llama-3.2-1B-IQ4_NL.gguf', 'IQ4_NL'],
      ['Llama-3.2-1B-Q4_0_4_8.gguf', 'Q4_0_4_8'],
      ['gpt-oss-20b-mxfp4.gguf', 'MXFP4'],
      ['Q8_0/model-00001-of-00002.gguf', 'Q8_0'],
      ['F16/model-Q6_K.gguf', 'Q6_K'],
      ['Qwen2-7B.gguf', undefined],
      ['sequential-Q4bert.gguf', undefined],
    ] as const)
      assert.equal(quantisationOf(name), quantisation, name)
  })

  it('says the place in a split model', () => {
    assert.deepEqual(shardOf('a-b-00002-of-00012.gguf'), { stem: 'a-b', number: 2, count: 12 })
    for (const name of [
      'a.gguf',
      'a-00000-of-00002.gguf',
      'a-00003-of-00002.gguf',
      'a-1-of-2.gguf',
    ])
      assert.equal(shardOf(name), undefined, name)
    assert.equal(shardName('x/a-00002-of-00012.GGUF', 3), 'x/a-00003-of-00012.GGUF')
    assert.equal(ggufStem('x/a.b-00002-of-00012.gguf'), 'a.b')
    assert.equal(ggufStem('x/a.b.gguf'), 'a.b')
  })

  it('tells projectors and statistics from models', () => {
    for (const name of ['mmproj-model-f16.gguf', 'x/model.mmproj.gguf', 'imatrix.gguf', 'a.bin'])
      assert.equal(isGgufModel(name), false, name)
    assert.ok(isGgufModel('imatrix/model.GGUF'))
  })

  it('names one among others as briefly as can be', () => {
    const all = ['a-Q4_0.gguf', 'a-Q8_0.gguf', 'b-Q8_0.gguf', 'x/c.gguf', 'y/c.gguf']
    assert.deepEqual(
      [...variantNames(all).values()],
      ['Q4_0', 'a-Q8_0.gguf', 'b-Q8_0.gguf', 'x/c.gguf', 'y/c.gguf'],
    )
    const models = all.map((path) => ({ path }))
    const named = (variant: string | undefined) =>
      variantsNamed(models, variant).map(({ path }) => path)
    assert.deepEqual(named('q4_0'), ['a-Q4_0.gguf'])
    assert.deepEqual(named('Q8_0'), ['a-Q8_0.gguf', 'b-Q8_0.gguf'])
    assert.deepEqual(named('c.gguf'), ['x/c.gguf', 'y/c.gguf'])
    assert.deepEqual(named('Q4'), [])
    assert.deepEqual(named(undefined), all)
  })

  it('is enough to find any model again, and keeps the shards of one together', () => {
    const part = fc.constantFrom(
      'a',
      'b',
      'Q4_0',
      'q4_0',
      'Q4_K_M',
      'UD-Q4_K_M',
      '-',
      '.',
      '_',
      '/',
    )
    const shard = fc.constantFrom('', '-00001-of-00002', '-00002-of-00002', '-00000-of-00001')
    const path = fc
      .tuple(fc.array(part, { minLength: 1, maxLength: 6 }), shard)
      .map(([parts, numbers]) => `${parts.join('')}${numbers}.gguf`)
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 8 }), (paths) => {
        const models = groupShards(paths)
        assert.deepEqual(models.flatMap(({ files }) => files).sort(), [...paths].sort())
        const names = variantNames(models.map((model) => model.path))
        for (const model of models)
          assert.deepEqual(variantsNamed(models, names.get(model.path)), [model])
      }),
    )
  })
})
