import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { GraphBuilder } from '../../../models/graph/builder.ts'
import { loadModelConfig } from '../../../models/load-config.ts'
import {
  chooseBackend,
  chooseKvCacheType,
  chooseMaxDraft,
} from '../../../src/engine/backends/choose.ts'
import { FASTER_ON_ONNX, findNativeAddon } from '../../../src/engine/backends/native-addon.ts'
import { skipOf } from '../../support/backends.ts'
import { FIXTURES } from '../../support/recorded-cases.ts'

const load = async (name: string) =>
  (await loadModelConfig(join(FIXTURES, name, 'checkpoint'))).graphs
const search = findNativeAddon()
const isa = 'addon' in search ? search.addon.isas()[0]! : 'portable'
/** Where the towers of every model run on ONNX Runtime. */
const isFaster = FASTER_ON_ONNX.has(isa)

/** No decoder of ours is one that the runtime cannot run. */
function strangeDecoder() {
  const g = new GraphBuilder('decoder')
  const x = g.input('x', ['tiles', 4, 8, 8])
  const shape = { stride: 1, padding: 1, groups: 1 }
  g.output('y', g.conv2d(x, g.weight('w', [4, 4, 3, 3]), undefined, shape))
  return g.build()
}

describe('choosing a backend', { skip: skipOf('native') }, () => {
  it('takes the native one for a model that it can run', async () => {
    const { name, text } = chooseBackend('auto', await load('vila/vila15'))
    assert.equal(name, 'native')
    assert.equal(
      text,
      isFaster ? `native (${isa}); the towers on ONNX Runtime, as the faster` : `native (${isa})`,
    )
  })

  it('says which part runs elsewhere, and for want of what', async () => {
    const { name, text } = chooseBackend('auto', await load('eagle/x5-vicuna-s160'))
    assert.equal(name, 'native')
    assert.match(
      text,
      isFaster
        ? /as the faster$/
        : /; the towers on ONNX Runtime, for want of relativeAttention of/,
    )
  })

  it('takes ONNX Runtime for a decoder that it cannot run, unless told otherwise', () => {
    const decoder = strangeDecoder()
    const { name, text } = chooseBackend('auto', { decoder })
    assert.equal(name, 'onnx')
    assert.match(text, /^ONNX Runtime: the native runtime cannot run the decoder: conv2d of/)
    assert.throws(() => chooseBackend('native', { decoder }), {
      code: 'invalid_config',
      message: /^backend native: the native runtime cannot run the decoder: conv2d/,
    })
  })

  it('takes what it is told', async () => {
    const graphs = await load('vila/vila15')
    for (const name of ['native', 'onnx', 'reference'] as const)
      assert.equal(chooseBackend(name, graphs).name, name)
  })
})

describe('choosing what keys and values are kept as', () => {
  it('takes half precision where linears multiply 8-bit numbers on the native backend, else float32', () => {
    assert.equal(chooseKvCacheType('auto', 'native', 'int8'), 'f16')
    assert.equal(chooseKvCacheType('auto', 'native', 'float32'), 'f32')
    for (const backend of ['onnx', 'reference'] as const)
      assert.equal(chooseKvCacheType('auto', backend, 'int8'), 'f32')
  })

  it('takes what it is told, and refuses by name what the backend does not have', () => {
    for (const type of ['f32', 'f16', 'int8'] as const)
      assert.equal(chooseKvCacheType(type, 'native', 'float32'), type)
    assert.equal(chooseKvCacheType('f32', 'onnx', 'int8'), 'f32')
    for (const type of ['f16', 'int8'] as const) {
      assert.throws(() => chooseKvCacheType(type, 'onnx', 'int8'), {
        code: 'invalid_config',
        message: `kvCacheType ${type}: the onnx backend keeps keys and values as f32; auto takes that`,
      })
    }
  })
})

describe('choosing how far to guess', () => {
  it('guesses on the native backend, elsewhere only when told to, and nowhere when told not to', () => {
    const drafts = (speculation: 'auto' | 'on' | 'off') =>
      (['native', 'onnx', 'reference'] as const).map((backend) =>
        chooseMaxDraft({ speculation, maxDraftTokens: 5 }, backend),
      )
    assert.deepEqual(drafts('auto'), [5, 0, 0])
    assert.deepEqual(drafts('on'), [5, 5, 5])
    assert.deepEqual(drafts('off'), [0, 0, 0])
  })
})
