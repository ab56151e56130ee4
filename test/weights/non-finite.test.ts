import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DTYPE_BYTES, toFloat32 } from '../../src/weights/dtype.ts'
import { BLOCKS, type BlockType } from '../../src/weights/gguf-blocks.ts'
import { firstNonFinite } from '../../src/weights/non-finite.ts'
import { toFloats } from '../../src/weights/stored-type.ts'

describe('the search for NaN and infinities', () => {
  it('finds the first, at any place and alignment, as the conversion to floats has it', () => {
    const dtype = fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const)
    const special = fc.constantFrom(0x00, 0x7f, 0x80, 0xff, 0x7c, 0xfc)
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), special)
    fc.assert(
      fc.property(
        dtype,
        fc.array(byte, { maxLength: 120 }),
        fc.integer({ min: 0, max: 3 }),
        (dtype, list, shift) => {
          const length = list.length - (list.length % DTYPE_BYTES[dtype])
          const bytes = Uint8Array.from(list.slice(0, length))
          const moved = new Uint8Array(length + 8)
          moved.set(bytes, shift)
          const want = toFloat32(dtype, bytes).findIndex((value) => !Number.isFinite(value))
          assert.equal(firstNonFinite(dtype, moved.subarray(shift, shift + length)), want)
        },
      ),
    )
  })

  it('finds the first block whose scale or minimum is one, as the conversion to floats has it', () => {
    const types = Object.keys(BLOCKS) as BlockType[]
    const byte = fc.integer({ min: 0, max: 255 })
    // Quantised values are any bits; a scale is odd now and then.
    const scale = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(0x00, 0x3c) }, byte)
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.array(fc.tuple(byte, scale, scale), { minLength: 1, maxLength: 6 }),
        (type, blocks) => {
          const { bytes: size, elements, scales } = BLOCKS[type]
          // All bits set: no product with a scale is NaN because a value is zero.
          const bytes = new Uint8Array(blocks.length * size).fill(0xee)
          for (const [i, [low, ...highs]] of blocks.entries()) {
            for (const [j, place] of scales.entries()) {
              bytes[i * size + place] = low
              bytes[i * size + place + 1] = highs[j]!
            }
          }
          const floats = toFloats(type, bytes)
          const first = floats.findIndex((value) => !Number.isFinite(value))
          const want = first < 0 ? -1 : first - (first % elements)
          assert.equal(firstNonFinite(type, bytes), want)
        },
      ),
    )
  })

  it('looks at doubles, and at no integers', () => {
    const values = Float64Array.of(0, -1e300, Number.NEGATIVE_INFINITY, Number.NaN)
    const bytes = new Uint8Array(values.buffer)
    assert.equal(firstNonFinite('F64', bytes), 2)
    assert.equal(firstNonFinite('F64', bytes.subarray(0, 16)), -1)
    assert.equal(firstNonFinite('I64', bytes), -1)
  })
})
