import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { GraphBuilder } from '../../../models/graph/builder.ts'
import { loadModelConfig } from '../../../models/load-config.ts'
import { chooseBackend } from '../../../src/engine/backends/choose.ts'
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
    const { name, text } = chooseBackend('auto', await load('starter'))
    assert.equal(name, 'native')
    assert.match(
      text,
      isFaster ? /as the faster$/ : /; the towers on ONNX Runtime, for want of conv2d of .*7×7/,
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
