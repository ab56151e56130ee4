/** Rounding of rows to whole numbers, and what is read back. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { halfBits } from '../../src/quantise/half.ts'
import { type QuantisedForm, quantiseRows } from '../../src/quantise/quantise-rows.ts'
import { float16Table, toFloat32 } from '../../src/weights/dtype.ts'
import { dequantise } from '../../src/weights/quantised.ts'
import { seededRandom } from '../support/seeded-random.ts'

const GROUPS = (bits: 4 | 8, group: number, hasZeroPoints: boolean): QuantisedForm => ({
  kind: 'groups',
  bits,
  group,
  hasZeroPoints,
})

function readBack(floats: Float32Array, width: number, form: QuantisedForm): Float32Array {
  const { values, scales, zeroPoints } = quantiseRows(floats, width, form)
  const isRows = form.kind === 'rows'
  return dequantise({
    bits: isRows ? 8 : form.bits,
    group: isRows ? width : form.group,
    isSigned: isRows,
    shape: [floats.length / width, width],
    values,
    scales: toFloat32(isRows ? 'F32' : 'F16', scales),
    ...(zeroPoints && { zeroPoints }),
  })
}

function normals(count: number, seed: number): Float32Array {
  const random = seededRandom(seed)
  const sum = () => random() + random() + random() + random() - 2
  return Float32Array.from({ length: count }, () => 0.05 * sum())
}

function meanSquare(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length
}

const errorOf = (floats: Float32Array, width: number, form: QuantisedForm) => {
  const back = readBack(floats, width, form)
  return Math.sqrt(meanSquare(floats.map((value, i) => value - back[i]!)) / meanSquare(floats))
}

describe('halfBits', () => {
  it('gives every half its own bits', () => {
    const values = float16Table()
    for (let bits = 0; bits < 65536; bits++) {
      if (Number.isNaN(values[bits]!)) continue
      assert.equal(halfBits(values[bits]!), bits)
    }
  })

  it('rounds to the nearest, ties to even, and says infinity beyond the largest', () => {
    assert.equal(halfBits(1 + 2 ** -11), halfBits(1))
    assert.equal(halfBits(1 + 3 * 2 ** -11), halfBits(1 + 2 ** -9))
    assert.equal(halfBits(1 + 2 ** -11 + 2 ** -20), halfBits(1 + 2 ** -10))
    assert.equal(halfBits(2 ** -25), 0)
    assert.equal(halfBits(-(2 ** -25) * 1.5), 0x8001)
    assert.equal(halfBits(65519), 0x7bff)
    assert.equal(halfBits(65520), 0x7c00)
    assert.ok(Number.isNaN(float16Table()[halfBits(Number.NaN)]!))
  })
})

describe('quantised rows', () => {
  const floats = normals(8 * 256, 1)

  it('are as close as their bits allow', () => {
    // A normal distribution: a 4-bit number has about a tenth of the spread, each bit more halves it.
    for (const [form, least, most] of [
      [GROUPS(8, 32, false), 0.002, 0.006],
      [GROUPS(8, 128, false), 0.002, 0.008],
      [GROUPS(4, 32, true), 0.03, 0.09],
      [GROUPS(4, 32, false), 0.03, 0.1],
      [GROUPS(4, 128, true), 0.05, 0.12],
      [{ kind: 'rows' }, 0.005, 0.02],
    ] as const) {
      const error = errorOf(floats, 256, form)
      assert.ok(error > least && error < most, `${JSON.stringify(form)}: ${error}`)
    }
  })

  it('in smaller groups, or with zero points, are closer', () => {
    const lopsided = floats.map((value) => Math.abs(value))
    assert.ok(
      errorOf(floats, 256, GROUPS(4, 32, true)) < errorOf(floats, 256, GROUPS(4, 128, true)),
    )
    assert.ok(
      errorOf(lopsided, 256, GROUPS(4, 32, true)) <
        0.7 * errorOf(lopsided, 256, GROUPS(4, 32, false)),
    )
  })

  it('are closer by a twentieth than on the grid that just holds a group', () => {
    // Both ends of the group are numbers of it, as minimum and maximum give scale and zero point.
    let [held, searched] = [0, 0]
    for (let at = 0; at < floats.length; at += 32) {
      const group = floats.subarray(at, at + 32)
      const [lowest, highest] = [Math.min(0, ...group), Math.max(0, ...group)]
      const scale = (highest - lowest) / 15
      const zero = Math.round(-lowest / scale)
      const onGrid = (x: number) =>
        (Math.max(0, Math.min(15, Math.round(x / scale) + zero)) - zero) * scale
      held += meanSquare(group.map((x) => x - onGrid(x)))
      const back = readBack(group, 32, GROUPS(4, 32, true))
      searched += meanSquare(group.map((x, i) => x - back[i]!))
    }
    assert.ok(searched < 0.95 * held, `${searched} of ${held}`)
  })

  it('that are whole numbers of a scale come back exactly', () => {
    const numbers = Float32Array.from({ length: 64 }, (_, i) => ((i % 16) - 8) * 0.25)
    for (const form of [GROUPS(4, 32, false), GROUPS(4, 32, true)])
      assert.deepEqual(readBack(numbers, 64, form), numbers)
    const bytes = Float32Array.from({ length: 128 }, (_, i) => (i - 64) * 0.5)
    assert.deepEqual(readBack(bytes, 128, { kind: 'rows' }), bytes)
  })

  it('of zeros are zeros, and beside them nothing changes', () => {
    const some = Float32Array.from({ length: 128 }, (_, i) => (i < 64 ? 0 : floats[i]!))
    for (const form of [GROUPS(4, 32, true), GROUPS(4, 32, false), GROUPS(8, 32, false)])
      assert.deepEqual([...readBack(some, 128, form).subarray(0, 64)], new Array(64).fill(0))
    assert.deepEqual(
      [...readBack(new Float32Array(64), 32, { kind: 'rows' })],
      new Array(64).fill(0),
    )
  })

  it('by rows keep to a range in which two products with bytes fit 16 bits', () => {
    const { values } = quantiseRows(floats, 256, { kind: 'rows' })
    const signed = new Int8Array(values.buffer)
    const largest = signed.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    assert.equal(largest, 64)
    assert.ok(2 * 255 * largest < 2 ** 15)
  })

  it('with tiny values keep what half precision can, and with huge ones are refused', () => {
    const tiny = floats.map((value) => value * 1e-4)
    assert.ok(errorOf(tiny, 256, GROUPS(4, 32, true)) < 0.15)
    const huge = floats.map((value) => value * 1e8)
    assert.throws(() => quantiseRows(huge, 256, GROUPS(4, 32, true)), RangeError)
  })

  it('with an odd number of groups begin each row of zero points with a byte of its own', () => {
    const { zeroPoints } = quantiseRows(floats.subarray(0, 2 * 96), 96, GROUPS(4, 32, true))
    assert.equal(zeroPoints!.byteLength, 2 * 2)
  })
})
