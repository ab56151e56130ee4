import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { hadamard } from '../../src/weights/hadamard.ts'
import { foldInverse, phiOf, restore, standardise } from '../../src/weights/phi-s.ts'
import { relativeError } from '../support/relative-error.ts'
import { seededRandom } from '../support/seeded-random.ts'

const { hadamard: RECORDED } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../fixtures/radio/hadamard.json'), 'utf8'),
) as { hadamard: { C: number; sha256_of_int8_signs_row_major: string }[] }

/** W = H / phi over a mean that is not zero: a rotation and a scale. */
const CHANNELS = 12
const phi = 1.7
const mean = Float64Array.from({ length: CHANNELS }, (_, i) => i / 3 - 1)
const tx = hadamard(CHANNELS).map((value) => value / phi)

describe('Hadamard matrices', () => {
  it('are those of the published construction, to the last sign', () => {
    assert.ok(RECORDED.length >= 6)
    for (const { C, sha256_of_int8_signs_row_major } of RECORDED) {
      const signs = Int8Array.from(hadamard(C), Math.sign)
      const digest = createHash('sha256').update(signs).digest('hex')
      assert.equal(digest, sha256_of_int8_signs_row_major, `${C} rows`)
    }
  })

  it('have entries of one magnitude and orthonormal rows', () => {
    // 36 is Paley's second construction, 12 and 20 his first, 1152 = 32 × 36.
    for (const size of [1, 2, 12, 20, 36, 64, 144, 1152]) {
      const matrix = hadamard(size)
      assert.ok(matrix.every((value) => Math.abs(Math.abs(value) - size ** -0.5) < 1e-12))
      const row = (i: number) => matrix.subarray(i * size, (i + 1) * size)
      for (const [i, j] of [
        [0, 0],
        [0, size - 1],
        [size >> 1, size - 1],
        [size - 1, size - 1],
      ] as const) {
        const product = row(i).reduce((sum, value, c) => sum + value * row(j)[c]!, 0)
        assert.ok(Math.abs(product - (i === j ? 1 : 0)) < 1e-9, `${size}: rows ${i} and ${j}`)
      }
    }
  })

  it('of sizes that no construction gives are refused', () => {
    for (const size of [0, 6, 92, 2.5]) assert.throws(() => hadamard(size), RangeError)
  })
})

describe('PHI-S', () => {
  const random = seededRandom(5)
  const numbers = (count: number) => Float64Array.from({ length: count }, () => random() * 2 - 1)

  it('knows its one number from the matrix', () => {
    assert.ok(Math.abs(phiOf({ mean, tx }) - phi) < 1e-12)
  })

  it('is undone by its inverse', () => {
    const x = numbers(5 * CHANNELS)
    assert.ok(relativeError(restore(standardise(x, { mean, tx }), { mean, tx }), x) < 1e-12)
  })

  it('folded into a head is the head and then the inverse, pixel by pixel of an upsampling one', () => {
    const [inputs, pixels] = [7, 4]
    const layer = {
      weight: numbers(pixels * CHANNELS * inputs),
      bias: numbers(pixels * CHANNELS),
    }
    const z = numbers(inputs)
    const apply = ({ weight, bias }: { weight: ArrayLike<number>; bias: ArrayLike<number> }) =>
      Array.from(bias, (value, row) =>
        z.reduce((sum, input, i) => sum + input * weight[row * inputs + i]!, value),
      )
    const folded = apply(foldInverse(layer, { mean, tx }))
    assert.ok(relativeError(folded, restore(apply(layer), { mean, tx })) < 1e-12)
  })

  it('refuses what is not a rotation and a scale, and a layer of other rows', () => {
    const skewed = tx.slice()
    skewed[3]! += 0.2
    const layer = { weight: numbers(CHANNELS * 2), bias: numbers(CHANNELS) }
    assert.throws(() => foldInverse(layer, { mean, tx: skewed }), {
      code: 'invalid_package',
      message: /^PHI-S: rows \d+ and \d+ of the matrix are not those of a rotation and a scale$/,
    })
    const short = { weight: numbers(2 * 13), bias: numbers(13) }
    assert.throws(() => foldInverse(short, { mean, tx }), {
      message: 'PHI-S: a layer of 13 rows does not give features of 12 channels',
    })
  })
})
