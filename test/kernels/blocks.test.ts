/** Blocks of GGUF files, packed as they are: what the format's own library makes of the same bits, and at what size. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { readGguf } from '../../src/weights/gguf.ts'
import { BLOCKS, type BlockType } from '../../src/weights/gguf-blocks.ts'
import { GgufWeights } from '../../src/weights/gguf-weights.ts'
import { addon, isas, NO_ADDON } from '../support/native-programs.ts'

const FILE = resolve(import.meta.dirname, '../fixtures/gguf/blocks.gguf')
const [OUT, WIDTH] = [3, 512]

/** Of a large matrix, scales and all. */
const BITS: Readonly<Record<BlockType, number>> = {
  Q8_0: 8.5,
  Q4_0: 4.5,
  Q4_1: 5,
  Q5_0: 6.5,
  Q5_1: 7,
  Q4_K: 4.625,
  Q5_K: 6.625,
  Q6_K: 6.5625,
}

describe('packed blocks', { skip: NO_ADDON }, async () => {
  const { tensors } = await readGguf(FILE)
  const read = async (name: string) => {
    await using weights = await GgufWeights.open(tensors)
    const tensor = weights.tensors.get(name)!
    return { bytes: await weights.readBytes(tensor), floats: await weights.readFloats(tensor) }
  }

  for (const type of Object.keys(BLOCKS) as BlockType[]) {
    for (const isa of isas()) {
      it(`of ${type} stand for the library's floats: ${isa}`, async () => {
        const pool = addon().createPool(1)
        const { bytes } = await read(type)
        const { floats } = await read(`${type}.floats`)
        const block = addon().packLinear(pool, { type, shape: [OUT, WIDTH], values: bytes })
        // A row for each input, which is 127 and so has the scale 1, and nothing beside it.
        const x = Float32Array.from({ length: WIDTH * WIDTH }, (_, i) =>
          i % (WIDTH + 1) === 0 ? 127 : 0,
        )
        const y = addon().linear(pool, block, x, WIDTH, isa)
        for (let out = 0; out < OUT; out++) {
          for (let start = 0; start < WIDTH; start += 32) {
            const group = floats.subarray(out * WIDTH + start, out * WIDTH + start + 32)
            const largest = group.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
            for (const [i, value] of group.entries()) {
              const error = Math.abs(y[(start + i) * OUT + out]! / 127 - value)
              assert.ok(error <= 1e-6 * largest, `[${out}, ${start + i}]: ${error} of ${largest}`)
            }
          }
        }
      })
    }

    it(`of ${type} take ${BITS[type]} bits a weight`, () => {
      const pool = addon().createPool(1)
      const [out, width] = [64, 8192]
      const { elements, bytes } = BLOCKS[type]
      const values = new Uint8Array(((out * width) / elements) * bytes)
      const packed = addon().packLinear(pool, { type, shape: [out, width], values })
      // A header of 128 bytes, and sections begin at multiples of 64.
      const rest = packed.length - (out * width * BITS[type]) / 8
      assert.ok(rest >= 0 && rest <= 128 + 64, `${rest} bytes more`)
    })
  }

  it('are refused where rows are not whole blocks, or bytes are missing', () => {
    const pool = addon().createPool(1)
    const pack = (type: BlockType, width: number, bytes: number) =>
      addon().packLinear(pool, { type, shape: [2, width], values: new Uint8Array(bytes) })
    assert.throws(() => pack('Q4_K', 128, 144), {
      name: 'RangeError',
      message: /in must be a multiple of 256 for Q4_K, got 128/,
    })
    assert.throws(() => pack('Q8_0', 64, 4 * 34 - 1), {
      name: 'TypeError',
      message: /values must have 136 elements, got 135/,
    })
    assert.throws(() => pack('Q3_K' as BlockType, 256, 220), {
      name: 'TypeError',
      message: /weight\.type is "Q3_K", expected f32, f16, bf16 or a type of GGUF blocks/,
    })
  })
})
