import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AerieError } from '../../src/errors.ts'
import { DTYPE_BYTES } from '../../src/weights/dtype.ts'
import { headerLength, parseHeader } from '../../src/weights/safetensors.ts'

const encode = (text: string) => new TextEncoder().encode(text)
const parse = (header: unknown, dataBytes: number) => {
  const bytes = encode(typeof header === 'string' ? header : JSON.stringify(header))
  return parseHeader(bytes, 8 + bytes.length + dataBytes)
}
const prefixOf = (length: bigint) => {
  const prefix = new Uint8Array(8)
  new DataView(prefix.buffer).setBigUint64(0, length, true)
  return prefix
}
const INVALID = { code: 'invalid_package' }

describe('the header of a safetensors file', () => {
  it('lists tensors in the order of their data, with offsets from the start of the file', () => {
    const header = {
      __metadata__: { format: 'pt' },
      second: { dtype: 'F16', shape: [3], data_offsets: [16, 22] },
      first: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
      scalar: { dtype: 'I64', shape: [], data_offsets: [22, 30] },
      empty: { dtype: 'F32', shape: [0, 5], data_offsets: [0, 0] },
    }
    const start = 8 + JSON.stringify(header).length
    assert.deepEqual(parse(header, 30), [
      { name: 'empty', dtype: 'F32', shape: [0, 5], offset: start, byteLength: 0 },
      { name: 'first', dtype: 'F32', shape: [2, 2], offset: start, byteLength: 16 },
      { name: 'second', dtype: 'F16', shape: [3], offset: start + 16, byteLength: 6 },
      { name: 'scalar', dtype: 'I64', shape: [], offset: start + 22, byteLength: 8 },
    ])
  })

  it('has a length that the file can hold', () => {
    assert.equal(headerLength(prefixOf(92n), 100), 92)
    assert.throws(() => headerLength(prefixOf(93n), 100), INVALID)
    assert.throws(() => headerLength(prefixOf(2n ** 63n), 100), INVALID)
    assert.throws(() => headerLength(prefixOf(200_000_000n), 1e12), INVALID)
    assert.throws(() => headerLength(new Uint8Array(7), 7), INVALID)
  })

  it('refuses tensors that the file cannot hold', () => {
    const tensor = { dtype: 'F32', shape: [2], data_offsets: [0, 8] }
    const refused: [what: string, tensor: unknown, message: RegExp][] = [
      ['an unknown type', { ...tensor, dtype: 'F31' }, /dtype "F31" is not known/],
      ['a type out of the prototype', { ...tensor, dtype: 'constructor' }, /dtype/],
      ['a negative size', { ...tensor, shape: [-2] }, /shape/],
      ['a fractional size', { ...tensor, shape: [0.5] }, /shape/],
      ['a size beyond exact integers', { ...tensor, shape: [2 ** 60] }, /shape/],
      ['sizes whose product overflows', { ...tensor, shape: [2 ** 40, 2 ** 40, 2 ** 40] }, /takes/],
      [
        'a range of another length',
        { ...tensor, data_offsets: [0, 7] },
        /takes 8 bytes, the range has 7/,
      ],
      ['a range backwards', { ...tensor, data_offsets: [8, 0] }, /takes 8 bytes, the range has -8/],
      ['half a range', { ...tensor, data_offsets: [0] }, /not a range/],
      ['a range past the end', { ...tensor, data_offsets: [8, 16] }, /of a file of/],
      ['no tensor at all', 3, /not an object/],
    ]
    for (const [what, hostile, message] of refused) {
      assert.throws(() => parse({ hostile }, 8), { ...INVALID, message }, what)
    }
  })

  it('refuses tensors that overlap', () => {
    const header = {
      a: { dtype: 'U8', shape: [8], data_offsets: [0, 8] },
      b: { dtype: 'U8', shape: [4], data_offsets: [6, 10] },
    }
    assert.throws(() => parse(header, 10), { ...INVALID, message: /"a" and "b" overlap/ })
  })

  it('refuses a name that occurs twice', () => {
    const one = '"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}'
    assert.equal(parse(`{${one}}`, 1).length, 1)
    assert.throws(() => parse(`{${one}, ${one}}`, 1), { ...INVALID, message: /twice/ })
    // The same name in another spelling.
    assert.throws(() => parse(`{${one}, ${one.replace('"a"', '"\\u0061"')}}`, 1), {
      ...INVALID,
      message: /twice/,
    })
  })

  it('refuses what is not a JSON object in UTF-8', () => {
    for (const text of ['', '{', '[]', 'null', '7', '{"a": }', '\ufeff{}'])
      assert.throws(() => parse(text, 0), INVALID, text)
    assert.throws(() => parseHeader(Uint8Array.of(0x7b, 0xff, 0x7d), 11), INVALID)
  })

  it('gives ranges inside the file or invalid_package, whatever the header says', () => {
    const size = fc.oneof(
      fc.integer({ min: -2, max: 40 }),
      fc.constantFrom(2 ** 31, 2 ** 53, 1e308, 0.5, '1', null),
    )
    const hostileTensor = fc.oneof(
      fc.record({
        dtype: fc.oneof(fc.constantFrom(...Object.keys(DTYPE_BYTES)), fc.string()),
        shape: fc.oneof(fc.array(size, { maxLength: 4 }), fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(size, size), fc.jsonValue()),
      }),
      fc.jsonValue(),
    )
    const names = fc.oneof(fc.string(), fc.constantFrom('a', 'b', '__proto__', '__metadata__'))
    fc.assert(
      fc.property(
        fc.dictionary(names, hostileTensor, { maxKeys: 5 }),
        fc.nat(64),
        (header, dataBytes) => {
          checkRanges(encode(JSON.stringify(header)), dataBytes)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('survives any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(64), checkRanges), {
      numRuns: 2000,
    })
  })
})

/** Parses, and holds the result to its promises. */
function checkRanges(header: Uint8Array, dataBytes: number): void {
  const fileBytes = 8 + header.length + dataBytes
  let end = 8 + header.length
  try {
    for (const { dtype, shape, offset, byteLength } of parseHeader(header, fileBytes)) {
      assert.ok(offset >= end && offset + byteLength <= fileBytes)
      assert.equal(
        shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]),
        byteLength,
      )
      end = offset + byteLength
    }
  } catch (error) {
    assert.ok(error instanceof AerieError && error.code === 'invalid_package', String(error))
  }
}
