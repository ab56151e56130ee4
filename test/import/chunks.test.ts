import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { planChunks, type ScannedTensor } from '../../src/import/chunks.ts'
import { elementsOfBlock, storedBytes } from '../../src/weights/stored-type.ts'

/** Tensors one behind the other with gaps, of any alignment. */
const tensors = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 0, max: 40 }),
      dtype: fc.constantFrom(
        'F32' as const,
        'F16' as const,
        'F64' as const,
        'Q4_0' as const,
        'Q5_1' as const,
      ),
      elements: fc.integer({ min: 0, max: 60 }),
    }),
    { maxLength: 12 },
  )
  .map((list) => {
    let at = 0
    return list.map(({ gap, dtype, elements }, i): ScannedTensor => {
      const offset = at + gap
      const byteLength = storedBytes(dtype, elements * elementsOfBlock(dtype))
      at = offset + byteLength
      return { name: String(i), dtype, offset, byteLength }
    })
  })

describe('chunks of a file', () => {
  it('cover every byte once, and no element lies in two', () => {
    fc.assert(
      fc.property(
        tensors,
        fc.integer({ min: 48, max: 400 }),
        fc.integer({ min: 0, max: 50 }),
        (list, most, rest) => {
          const last = list.at(-1)
          const fileBytes = (last ? last.offset + last.byteLength : 0) + rest
          let at = 0
          const seen = new Map<string, number>()
          for (const { offset, byteLength, segments } of planChunks(fileBytes, list, most)) {
            assert.equal(offset, at)
            assert.ok(byteLength > 0 && byteLength <= most)
            at += byteLength
            for (const segment of segments) {
              const tensor = list[Number(segment.tensor)]!
              const size = storedBytes(tensor.dtype, elementsOfBlock(tensor.dtype))
              assert.equal(segment.byteLength % size, 0)
              assert.equal(segment.skipped, seen.get(tensor.name) ?? 0)
              assert.equal(offset + segment.start, tensor.offset + segment.skipped)
              assert.ok(segment.start + segment.byteLength <= byteLength)
              seen.set(tensor.name, segment.skipped + segment.byteLength)
            }
          }
          assert.equal(at, fileBytes)
          for (const { name, byteLength } of list) assert.equal(seen.get(name) ?? 0, byteLength)
        },
      ),
    )
  })
})
