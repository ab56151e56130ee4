import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Dtype, toFloat32 } from '../../src/weights/dtype.ts'

const bytesOf = (array: { buffer: ArrayBuffer }) => new Uint8Array(array.buffer)

describe('conversion of stored elements to floats', () => {
  it('keeps the value of every element type', () => {
    const stored: [Dtype, Uint8Array<ArrayBuffer>, number[]][] = [
      ['F64', bytesOf(Float64Array.of(1.5, -2)), [1.5, -2]],
      ['F32', bytesOf(Float32Array.of(0.1, -3)), [Math.fround(0.1), -3]],
      ['I64', bytesOf(BigInt64Array.of(-5n, 2n ** 40n)), [-5, 2 ** 40]],
      ['U64', bytesOf(BigUint64Array.of(2n ** 63n)), [2 ** 63]],
      ['I32', bytesOf(Int32Array.of(-7)), [-7]],
      ['U32', bytesOf(Uint32Array.of(2 ** 31)), [2 ** 31]],
      ['I16', bytesOf(Int16Array.of(-8)), [-8]],
      ['U16', bytesOf(Uint16Array.of(65535)), [65535]],
      ['I8', bytesOf(Int8Array.of(-9)), [-9]],
      ['U8', Uint8Array.of(200), [200]],
      ['BOOL', Uint8Array.of(0, 1), [0, 1]],
    ]
    for (const [dtype, bytes, values] of stored)
      assert.deepEqual([...toFloat32(dtype, bytes)], values, dtype)
  })

  it('widens half precision exactly: zeros, subnormals, normals, infinities', () => {
    const halves = Uint16Array.of(
      0x0000,
      0x8000,
      0x0001,
      0x03ff,
      0x0400,
      0x3c00,
      0xc000,
      0x3555,
      0x7bff,
      0x7c00,
      0xfc00,
    )
    const expected = [
      0,
      -0,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      1,
      -2,
      0.333251953125,
      65504,
      Infinity,
      -Infinity,
    ]
    assert.deepEqual([...toFloat32('F16', bytesOf(halves))], expected)
    assert.ok(Number.isNaN(toFloat32('F16', bytesOf(Uint16Array.of(0x7e00)))[0]))
  })

  it('widens bfloat16 exactly', () => {
    const halves = Uint16Array.of(0x3f80, 0xc020, 0x0001, 0x7f80)
    assert.deepEqual([...toFloat32('BF16', bytesOf(halves))], [1, -2.5, 2 ** -133, Infinity])
  })

  it('refuses 8-bit floats, whose scale is unknown', () => {
    assert.throws(() => toFloat32('F8_E4M3', Uint8Array.of(1)), { code: 'invalid_package' })
  })
})
