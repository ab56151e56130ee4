/** Cases that record a part of a tensor: which part, by the suffix of its name and the sentence beside it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keptOf, partOf, type WholeTensor } from '../../src/parity/subsample.ts'

const count = (shape: number[], rowAxis: number): WholeTensor => ({
  shape,
  rowAxis,
  values: Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i),
})
const whole = new Map([
  ['pixels.a', count([2, 4, 5], 1)],
  ['eva.block0', count([4, 5, 1], 0)],
  ['p.logits', count([6, 2], 0)],
])

describe('a part of a tensor', () => {
  it('is the whole where the case has that name', () => {
    assert.equal(partOf(whole, 'p.logits', 'rows 1,2'), whole.get('p.logits'))
  })

  it('is every so many rows and columns, of maps with channels first or last', () => {
    assert.deepEqual(partOf(whole, 'pixels_sub.a', 'a.png, every 3th row and column (from 0)'), {
      shape: [2, 2, 2],
      values: Float64Array.of(0, 3, 15, 18, 20, 23, 35, 38),
    })
    assert.deepEqual(partOf(whole, 'eva.block0_sub', 'every 2nd row/column of block 0'), {
      shape: [2, 3, 1],
      values: Float64Array.of(0, 2, 4, 10, 12, 14),
    })
  })

  it('is a rectangle, both ends included', () => {
    const meaning = 'pixels of a.png, rows 1..2, columns 3..4'
    assert.deepEqual(partOf(whole, 'pixels_crop.a', meaning), {
      shape: [2, 2, 2],
      values: Float64Array.of(8, 9, 13, 14, 28, 29, 33, 34),
    })
  })

  it('is a list of rows, or the last ones', () => {
    const listed = { shape: [2, 2], values: Float64Array.of(0, 1, 10, 11) }
    for (const meaning of ['rows 0,5 of logits', 'logits at positions [0, 5]'])
      assert.deepEqual(partOf(whole, 'p.logits_rows', meaning), listed)
    assert.deepEqual(partOf(whole, 'p.logits_last2', 'logits of the last 2 positions'), {
      shape: [2, 2],
      values: Float64Array.of(8, 9, 10, 11),
    })
  })

  it('is nothing when there is no such tensor, or the sentence says something else', () => {
    assert.equal(partOf(whole, 'q.logits_rows', 'rows 0,5'), undefined)
    assert.equal(partOf(whole, 'p.logits_rows', 'some of them'), undefined)
  })
})

it('of a tensor that was cut ours loses the same rows; one of another shape stays to be told from it', () => {
  const kept = { every: 3, of: 4 }
  const reference = { shape: [2, 4, 2], values: new Float32Array(8), isInteger: false, kept }
  assert.deepEqual(keptOf(count([2, 4, 2], 1), reference), {
    shape: [2, 2, 2],
    values: Float64Array.of(0, 1, 6, 7, 8, 9, 14, 15),
  })
  const other = count([2, 5, 2], 1)
  assert.equal(keptOf(other, reference), other)
})
