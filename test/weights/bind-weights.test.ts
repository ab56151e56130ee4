import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bindWeights } from '../../src/weights/bind-weights.ts'
import type { StoredTensor } from '../../src/weights/checkpoint.ts'

const stored = (name: string, ...shape: number[]): StoredTensor => ({
  name,
  shape,
  dtype: 'F32',
  path: 'model.safetensors',
  offset: 0,
  byteLength: 0,
})
const needed = (name: string, ...shape: number[]) => ({ name, shape })
const IDENTITY = [['', '']] as const
const INVALID = { code: 'invalid_package' }

describe('binding weights', () => {
  it('gives every initialiser the tensor of its name', () => {
    const bound = bindWeights(
      [needed('a', 2), needed('b', 3, 4)],
      [stored('b', 3, 4), stored('a', 2)],
      IDENTITY,
    )
    assert.deepEqual(
      [...bound].map(([name, tensor]) => [name, tensor.name]),
      [
        ['a', 'a'],
        ['b', 'b'],
      ],
    )
  })

  it('renames prefixes, the first match winning', () => {
    const names = [
      ['model.vision.', 'tower.'],
      ['model.', 'decoder.'],
    ] as const
    const tensors = [stored('model.vision.x', 1), stored('model.x', 1), stored('other', 1)]
    const bound = bindWeights(
      [needed('tower.x', 1), needed('decoder.x', 1), needed('other', 1)],
      tensors,
      names,
    )
    assert.equal(bound.get('tower.x')?.name, 'model.vision.x')
    assert.equal(bound.get('decoder.x')?.name, 'model.x')
    assert.equal(bound.get('other')?.name, 'other')
  })

  it('names everything that does not fit', () => {
    const initialisers = [needed('a', 2), needed('b', 3), needed('c', 1)]
    const tensors = [stored('a', 4), stored('c', 1), stored('d', 1), stored('e', 1)]
    assert.throws(() => bindWeights(initialisers, tensors, IDENTITY), {
      ...INVALID,
      message:
        'checkpoint: a is [4], expected [2]; no tensor for b; d is used by nothing; e is used by nothing',
    })
  })

  it('refuses two tensors for one initialiser', () => {
    const names = [
      ['old.', ''],
      ['', ''],
    ] as const
    assert.throws(
      () => bindWeights([needed('a', 1)], [stored('a', 1), stored('old.a', 1)], names),
      {
        ...INVALID,
        message: /a and old\.a both stand for a/,
      },
    )
  })

  it('takes a table that was saved under any of its names, or under none', () => {
    const table = { ...needed('table', 2), derived: { copies: ['copy.0', 'copy.1'] } }
    const bind = (...tensors: StoredTensor[]) =>
      bindWeights([table], tensors, IDENTITY).get('table')?.name
    assert.equal(bind(stored('copy.0', 2), stored('table', 2), stored('copy.1', 2)), 'table')
    assert.equal(bind(stored('copy.1', 2)), 'copy.1')
    assert.equal(bind(), undefined)
    assert.throws(() => bind(stored('table', 2), stored('copy.1', 3)), {
      ...INVALID,
      message: 'checkpoint: copy.1 is [3], expected [2]',
    })
  })

  it('cuts a long list of problems short', () => {
    const initialisers = Array.from({ length: 100 }, (_, i) => needed(`layer.${i}`, 1))
    assert.throws(() => bindWeights(initialisers, [], IDENTITY), {
      ...INVALID,
      message: /layer\.7, and 92 more$/,
    })
  })
})
