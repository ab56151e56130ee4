import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GraphBuilder } from '../../../models/graph/builder.ts'
import { kvGeometry } from '../../../models/graph/graph.ts'

const KV = { layer: 0, heads: 4, kvHeads: 2, headDim: 8, scale: 1 }
const ROPE = {
  heads: 4,
  headDim: 8,
  inverseFrequencies: [1, 0.1, 0.01, 0.001],
  style: 'half',
} as const

describe('the graph builder', () => {
  const g = new GraphBuilder('test')
  const picture = g.input('picture', ['tiles', 6, 8, 8])
  const rows = g.input('rows', ['batch', 'steps', 32])
  const positions = g.input('positions', ['batch', 'steps'], 'int32')
  const cells = g.input('cells', ['tiles', 15, 16])
  const weight = (...shape: number[]) => g.weight(`weight ${shape.join('x')}`, shape)

  it('infers the shape of every operation', () => {
    const narrow = g.input('narrow', ['batch', 'steps', 16])
    const kernel = weight(12, 2, 3, 3)
    const inferred: [what: string, shape: readonly unknown[], expected: readonly unknown[]][] = [
      ['linear', g.linear(rows, weight(5, 32), weight(5)).shape, ['batch', 'steps', 5]],
      ['layerNorm', g.layerNorm(rows, weight(32), weight(32), 1e-6).shape, ['batch', 'steps', 32]],
      ['rmsNorm', g.rmsNorm(rows, weight(32), 1e-6).shape, ['batch', 'steps', 32]],
      ['rope', g.rope(rows, positions, ROPE).shape, ['batch', 'steps', 32]],
      ['attention', g.attention(rows, rows, rows, 4).shape, ['batch', 'steps', 32]],
      [
        'relativeAttention',
        g.relativeAttention(
          { q: cells, k: cells, v: cells, rows: weight(5, 8), columns: weight(9, 8) },
          { heads: 2, height: 3, width: 5, scale: 1 },
        ).shape,
        ['tiles', 15, 16],
      ],
      ['ropeTable', g.ropeTable(cells, weight(15, 8), weight(15, 8), 2).shape, ['tiles', 15, 16]],
      ['standardize', g.standardize(picture, 1).shape, ['tiles', 6, 8, 8]],
      ['resizeAntialias', g.resizeAntialias(picture, 5, 3).shape, ['tiles', 6, 5, 3]],
      ['constant', g.constant([1, 2, 3, 4, 5, 6], [3, 2]).shape, [3, 2]],
      [
        'kvAttention',
        g.kvAttention(rows, narrow, narrow, positions, KV).shape,
        ['batch', 'steps', 32],
      ],
      [
        'groupNorm',
        g.groupNorm(picture, weight(6), weight(6), { groups: 2, epsilon: 1 }).shape,
        ['tiles', 6, 8, 8],
      ],
      ['silu', g.silu(rows).shape, ['batch', 'steps', 32]],
      ['gelu', g.gelu(picture, 'erf').shape, ['tiles', 6, 8, 8]],
      ['softmax', g.softmax(rows).shape, ['batch', 'steps', 32]],
      [
        'conv2d',
        g.conv2d(picture, kernel, weight(12), { stride: 2, padding: 1, groups: 3 }).shape,
        ['tiles', 12, 4, 4],
      ],
      ['avgPool2d', g.avgPool2d(picture, 4).shape, ['tiles', 6, 2, 2]],
      ['resizeBilinear', g.resizeBilinear(picture, 5, 3).shape, ['tiles', 6, 5, 3]],
      ['sub', g.sub(rows, weight(32)).shape, ['batch', 'steps', 32]],
      ['div', g.div(picture, weight(6, 1, 1)).shape, ['tiles', 6, 8, 8]],
      ['expand', g.expand(weight(1, 5, 3), picture).shape, ['tiles', 5, 3]],
      ['squaredDistances', g.squaredDistances(rows, weight(9, 32)).shape, ['batch', 'steps', 9]],
      ['argmin', g.argmin(rows).shape, ['batch', 'steps']],
      ['add', g.add(rows, weight(32)).shape, ['batch', 'steps', 32]],
      ['mul', g.mul(picture, weight(6, 1, 1)).shape, ['tiles', 6, 8, 8]],
      ['concat', g.concat([rows, narrow], 2).shape, ['batch', 'steps', 48]],
      ['slice', g.slice(rows, 2, 4, 10).shape, ['batch', 'steps', 6]],
      ['reshape', g.reshape(rows, ['batch*steps', 4, 8]).shape, ['batch*steps', 4, 8]],
      ['transpose', g.transpose(picture, [0, 2, 3, 1]).shape, ['tiles', 8, 8, 6]],
      ['gather', g.gather(weight(100, 7), positions).shape, ['batch', 'steps', 7]],
      ['batched gather', g.gather(rows, positions, { batchDims: 1 }).shape, ['batch', 'steps', 32]],
    ]
    for (const [what, shape, expected] of inferred) assert.deepEqual(shape, expected, what)
  })

  it('refuses shapes that do not fit, naming the operation and the shapes', () => {
    const refused: [build: () => unknown, message: string][] = [
      [
        () =>
          g.relativeAttention(
            { q: cells, k: cells, v: cells, rows: weight(5, 8), columns: weight(5, 8) },
            { heads: 2, height: 3, width: 5, scale: 1 },
          ),
        'relativeAttention: q, k, v, rows, columns and [heads, height, width] are [tiles, 15, 16], [tiles, 15, 16], [tiles, 15, 16], [5, 8], [5, 8], [2, 3, 5]',
      ],
      [
        () => g.ropeTable(cells, weight(15, 8), weight(14, 8), 2),
        'ropeTable: x, cos, sin and [heads] are [tiles, 15, 16], [15, 8], [14, 8], [2]',
      ],
      [() => g.constant([1, 2, 3], [2]), 'constant: 3 values in [2]'],
      [
        () => g.linear(rows, weight(5, 31)),
        'linear: x and weight [out, in] are [batch, steps, 32], [5, 31]',
      ],
      [() => g.linear(rows, weight(5, 32), weight(4)), 'linear: weight and bias are [5, 32], [4]'],
      [
        () => g.layerNorm(rows, weight(32), weight(4), 1),
        'layerNorm: x and parameter are [batch, steps, 32], [4]',
      ],
      [() => g.rmsNorm(rows, weight(4), 1), 'rmsNorm: x and parameter are [batch, steps, 32], [4]'],
      [
        () => g.rope(rows, positions, { ...ROPE, heads: 3 }),
        'rope: x and [heads, headDim, rotated] are [batch, steps, 32], [3, 8, 8]',
      ],
      [
        () => g.rope(rows, weight(2, 3), ROPE),
        'rope: x and positions are [batch, steps, 32], [2, 3]',
      ],
      [
        () => g.expand(weight(2, 3), rows),
        'expand: x [1, ...] and like are [2, 3], [batch, steps, 32]',
      ],
      [
        () => g.squaredDistances(rows, weight(9, 31)),
        'squaredDistances: x and table [n, c] are [batch, steps, 32], [9, 31]',
      ],
      [
        () => g.groupNorm(picture, weight(6), weight(6), { groups: 4, epsilon: 1 }),
        'groupNorm: x, weight, bias and [groups] are [tiles, 6, 8, 8], [6], [6], [4]',
      ],
      [
        () => g.attention(rows, rows, rows, 5),
        'attention: q and [heads] are [batch, steps, 32], [5]',
      ],
      [
        () => g.kvAttention(rows, rows, rows, positions, KV),
        'kvAttention: q, k, v, positions and [heads, kvHeads, headDim] are [batch, steps, 32], [batch, steps, 32], [batch, steps, 32], [batch, steps], [4, 2, 8]',
      ],
      [
        () =>
          g.conv2d(picture, weight(12, 2, 3, 3), undefined, { stride: 1, padding: 0, groups: 2 }),
        'conv2d: x [n, c, h, w], weight [o, c/groups, kh, kw] and [groups] are [tiles, 6, 8, 8], [12, 2, 3, 3], [2]',
      ],
      [() => g.avgPool2d(picture, 3), 'avgPool2d: x and [size] are [tiles, 6, 8, 8], [3]'],
      [
        () => g.resizeBilinear(rows, 1, 1),
        'resizeBilinear: x is not [n, c, h, w] with fixed h and w but [batch, steps, 32]',
      ],
      [() => g.add(rows, weight(5)), 'add: a and b are [batch, steps, 32], [5]'],
      [
        () => g.concat([rows, picture], 2),
        'concat: along axis 2 [batch, steps, 32], [tiles, 6, 8, 8]',
      ],
      [
        () => g.concat([rows, rows], 1),
        'concat: along axis 1 [batch, steps, 32], [batch, steps, 32]',
      ],
      [() => g.slice(rows, 2, 30, 33), 'slice: 30…33 of axis 2 of [batch, steps, 32]'],
      [
        () => g.reshape(rows, ['batch', 'steps', 4, 7]),
        'reshape: from and to [batch, steps, 32], [batch, steps, 4, 7]',
      ],
      [
        () => g.transpose(rows, [0, 2]),
        'transpose: x and permutation are [batch, steps, 32], [0, 2]',
      ],
      [
        () => g.gather(weight(9, 2), rows),
        'gather: indices are float32, not int32: [batch, steps, 32]',
      ],
      [
        () => g.gather(picture, positions, { batchDims: 1 }),
        'gather: batched table and indices are [tiles, 6, 8, 8], [batch, steps]',
      ],
    ]
    for (const [build, message] of refused)
      assert.throws(build, { message: `graph test: ${message}` })
  })

  it('keeps one value for a weight, and one shape', () => {
    assert.equal(g.weight('shared', [2, 3]), g.weight('shared', [2, 3]))
    assert.throws(() => g.weight('shared', [3, 2]), {
      message: 'graph test: weight: shared is used as [2, 3], [3, 2]',
    })
  })

  it('needs an output', () => {
    assert.throws(() => new GraphBuilder('empty').build(), { message: 'graph empty: no output' })
  })
})

describe('the KV geometry of a graph', () => {
  const decoder = (...layers: { layer: number; headDim: number }[]) => {
    const g = new GraphBuilder('decoder')
    const positions = g.input('positions', ['batch', 'steps'], 'int32')
    let x = g.input('x', ['batch', 'steps', 32])
    for (const { layer, headDim } of layers) {
      const kv = g.slice(x, 2, 0, 2 * headDim)
      x = g.kvAttention(x, kv, kv, positions, {
        layer,
        heads: 32 / headDim,
        kvHeads: 2,
        headDim,
        scale: 1,
      })
    }
    g.output('y', x)
    return g.build()
  }

  it('is read off its layers', () => {
    const graph = decoder({ layer: 0, headDim: 8 }, { layer: 1, headDim: 8 })
    assert.deepEqual(kvGeometry(graph), { layers: 2, kvHeads: 2, headDim: 8 })
  })

  it('is one for all layers, in order', () => {
    assert.throws(
      () => kvGeometry(decoder({ layer: 0, headDim: 8 }, { layer: 1, headDim: 4 })),
      /layer 1 has 2×4, layer 0 has 2×8/,
    )
    assert.throws(() => kvGeometry(decoder({ layer: 1, headDim: 8 })), /layer 1 stands at place 0/)
    const g = new GraphBuilder('encoder')
    g.output('y', g.input('x', [1]))
    assert.throws(() => kvGeometry(g.build()), /not a decoder/)
  })
})
