/** What a mask leaves of logits, for vocabularies that end within a word and masks that allow little, much or everything. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MaskedLogits } from '../../src/engine/constrained.ts'
import { propertyRuns } from '../support/property-runs.ts'

const words = fc.oneof(
  fc.constantFrom(0, 0xffffffff),
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.nat(31).map((bit) => (1 << bit) >>> 0),
)

test('a token keeps its logit where its bit is set, and has none elsewhere', (t) => {
  fc.assert(
    fc.property(
      fc.array(words, { minLength: 1, maxLength: 12 }),
      fc.nat(31),
      fc.nat(31),
      (list, missing, before) => {
        const size = Math.max(1, list.length * 32 - missing)
        const masked = new MaskedLogits(size)
        // What the answer before left is gone.
        masked.apply(new Float32Array(size).fill(before), new Uint32Array(list.length).fill(~0))
        const logits = Float32Array.from({ length: size }, (_, id) => id / 7)
        const found = masked.apply(logits, Uint32Array.from(list))
        const expected = logits.map((logit, id) =>
          (list[id >>> 5]! >>> (id & 31)) & 1 ? logit : Number.NEGATIVE_INFINITY,
        )
        assert.deepEqual(found, expected)
      },
    ),
    propertyRuns(300, t),
  )
})
