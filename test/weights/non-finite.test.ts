import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DTYPE_BYTES, toFloat32 } from '../../src/weights/dtype.ts'
import { firstNonFinite } from '../../src/weights/non-finite.ts'

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

  it('looks at doubles, and at no integers', () => {
    const values = Float64Array.of(0, -1e300, Number.NEGATIVE_INFINITY, Number.NaN)
    const bytes = new Uint8Array(values.buffer)
    assert.equal(firstNonFinite('F64', bytes), 2)
    assert.equal(firstNonFinite('F64', bytes.subarray(0, 16)), -1)
    assert.equal(firstNonFinite('I64', bytes), -1)
  })
})
