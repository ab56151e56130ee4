import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KvCacheFull } from '../../../src/engine/backend.ts'
import { KvCache } from '../../../src/engine/backends/kv-cache.ts'
import type { KvSequence } from '../../../src/engine/backends/kv-table.ts'

const GEOMETRY = { layers: 2, kvHeads: 2, headDim: 3 }
const BLOCK_SIZE = 4
const BLOCKS = 12
const WIDTH = GEOMETRY.layers * 2 * GEOMETRY.kvHeads * GEOMETRY.headDim

const newCache = () =>
  new KvCache({ geometry: GEOMETRY, blockSize: BLOCK_SIZE, bytes: BLOCKS * BLOCK_SIZE * WIDTH * 4 })

/** Appends positions whose every float is `value`, as a session would. */
function append(cache: KvCache, id: number, values: readonly number[]): KvSequence {
  const [sequence] = cache.reserve([{ sequence: id, positions: values.length }])
  const rows = new Float32Array(values.length * WIDTH)
  for (const [i, value] of values.entries()) rows.fill(value, i * WIDTH, (i + 1) * WIDTH)
  cache.write(sequence!, sequence!.length, values.length, rows, 0)
  sequence!.length += values.length
  return sequence!
}

/** The values of a sequence's positions, as plane `plane` holds them. */
function valuesOf(cache: KvCache, sequence: KvSequence, plane: number): number[] {
  const { headDim } = GEOMETRY
  const target = new Float32Array(sequence.length * headDim)
  cache.read(sequence, plane, 0, sequence.length, target, 0)
  return Array.from({ length: sequence.length }, (_, i) => {
    const position = target.slice(i * headDim, (i + 1) * headDim)
    assert.ok(position.every((value) => value === position[0]))
    return position[0]!
  })
}

describe('the KV cache', () => {
  it('gives every plane back what was written to it', () => {
    const cache = newCache()
    const [sequence] = cache.reserve([{ sequence: 1, positions: 6 }])
    const rows = Float32Array.from({ length: 6 * WIDTH }, (_, i) => i)
    // In two parts, of which the second begins inside a block.
    cache.write(sequence!, 0, 1, rows, 0)
    cache.write(sequence!, 1, 5, rows, WIDTH)
    for (let plane = 0; plane < cache.planes; plane++) {
      const target = new Float32Array(1 + 4 * 3)
      cache.read(sequence!, plane, 1, 5, target, 1)
      const expected = [1, 2, 3, 4].flatMap((position) =>
        [0, 1, 2].map((d) => position * WIDTH + plane * 3 + d),
      )
      assert.deepEqual([...target], [0, ...expected], `plane ${plane}`)
    }
  })

  it('holds whole blocks only, and refuses to hold none', () => {
    const blockBytes = BLOCK_SIZE * WIDTH * 4
    const cache = new KvCache({
      geometry: GEOMETRY,
      blockSize: BLOCK_SIZE,
      bytes: 3 * blockBytes - 1,
    })
    assert.deepEqual(cache.stats, { blockSize: BLOCK_SIZE, blocksTotal: 2, blocksUsed: 0 })
    assert.throws(
      () => new KvCache({ geometry: GEOMETRY, blockSize: BLOCK_SIZE, bytes: blockBytes - 1 }),
      {
        code: 'invalid_config',
      },
    )
  })

  it('leaks no block, mixes up no sequence and foretells its needs, whatever happens', () => {
    const id = fc.nat(5)
    const command = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('append' as const),
          id,
          count: fc.integer({ min: 1, max: 9 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('fork' as const),
          id,
          parent: id,
          share: fc.nat(100),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('free' as const), id }) },
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const cache = newCache()
        /** What each sequence should hold. */
        const model = new Map<number, { sequence: KvSequence; values: number[] }>()
        let next = 1
        for (const c of commands) {
          if (c.do === 'append') {
            const values = Array.from({ length: c.count }, () => next++)
            const needed = cache.blocksNeeded(c.id, c.count)
            const { blocksTotal, blocksUsed } = cache.stats
            if (needed > blocksTotal - blocksUsed) {
              assert.throws(() => append(cache, c.id, values), KvCacheFull)
            } else {
              const sequence = append(cache, c.id, values)
              assert.equal(cache.stats.blocksUsed, blocksUsed + needed)
              model.set(c.id, { sequence, values: [...(model.get(c.id)?.values ?? []), ...values] })
            }
          } else if (c.do === 'fork') {
            const parent = model.get(c.parent)
            if (!parent || model.has(c.id)) continue
            const length = Math.round((parent.values.length * c.share) / 100)
            cache.fork(c.id, c.parent, length)
            const [sequence] = cache.reserve([{ sequence: c.id, positions: 0 }])
            model.set(c.id, { sequence: sequence!, values: parent.values.slice(0, length) })
          } else {
            cache.free(c.id)
            model.delete(c.id)
          }
          checkAgainst(cache, model)
        }
        for (const sequence of model.keys()) cache.free(sequence)
        assert.equal(cache.stats.blocksUsed, 0)
      }),
      { numRuns: 300 },
    )
  })

  it('counts the rows of a step together before it takes anything', () => {
    const cache = newCache()
    append(cache, 1, [1, 2, 3])
    const request = (sequence: number, positions: number) => ({ sequence, positions })
    assert.throws(() => cache.reserve([request(1, 20), request(2, 28)]), {
      name: 'KvCacheFull',
      needed: 12,
      free: 11,
    })
    assert.deepEqual([cache.stats.blocksUsed, cache.length(2)], [1, 0])
    cache.reserve([request(1, 20), request(2, 24)])
    assert.equal(cache.stats.blocksUsed, BLOCKS)
  })

  it('gives everything back when it is cleared', () => {
    const cache = newCache()
    append(cache, 1, [1, 2, 3])
    cache.fork(2, 1, 2)
    cache.clear()
    assert.deepEqual([cache.stats.blocksUsed, cache.length(1), cache.length(2)], [0, 0, 0])
  })
})

function checkAgainst(
  cache: KvCache,
  model: ReadonlyMap<number, { sequence: KvSequence; values: number[] }>,
): void {
  const owned = new Set<number>()
  for (const [id, { sequence, values }] of model) {
    assert.equal(cache.length(id), values.length)
    assert.deepEqual(valuesOf(cache, sequence, 5), values)
    assert.equal(sequence.blocks.length, Math.ceil(values.length / BLOCK_SIZE))
    for (const block of sequence.blocks) owned.add(block)
  }
  assert.equal(cache.stats.blocksUsed, owned.size)
}
