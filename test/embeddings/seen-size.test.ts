import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { EmbeddingTower } from '../../models/family.ts'
import { patchesOf, seenAs } from '../../src/embeddings/seen-size.ts'

const tower: Pick<EmbeddingTower, 'step' | 'patchSize' | 'maxSide' | 'preferred' | 'nearest'> = {
  step: 16,
  patchSize: 16,
  maxSide: 2048,
  preferred: { height: 512, width: 512 },
  nearest: ({ height, width }) => {
    const side = (length: number) => Math.max(16, Math.round(length / 16) * 16)
    return { height: side(height), width: side(width) }
  },
}
const seenPicture = (
  ...args: [{ height: number; width: number }, Parameters<typeof seenAs>[2], number?]
) => seenAs(tower as EmbeddingTower, args[0], args[1], args[2] ?? 4096)
const seen = (...args: Parameters<typeof seenPicture>) => seenPicture(...args).size

describe('the size at which a tower sees a picture', () => {
  it("is the nearest to the picture's own by itself, resized as the published examples do", () => {
    assert.deepEqual(seenPicture({ height: 50, width: 77 }, 'auto'), {
      size: { height: 48, width: 80 },
      preprocessing: {
        ...{ mode: 'whole', height: 48, width: 80 },
        ...{ resample: 'bilinear-floats', alpha: 'dropped' },
      },
    })
  })

  it('is the one that was asked for, resized as CLIPImageProcessor does', () => {
    const picture = { height: 50, width: 77 }
    const { size, preprocessing } = seenPicture(picture, 'preferred')
    assert.deepEqual(size, { height: 512, width: 512 })
    assert.equal(preprocessing.resample, 'bicubic')
    assert.equal(seen(picture, { height: 32, width: 2048 }).width, 2048)
  })

  it('keeps within the limits and near the proportions of any picture', () => {
    const side = fc.integer({ min: 1, max: 16_384 })
    fc.assert(
      fc.property(side, side, fc.integer({ min: 16, max: 20_000 }), (height, width, maxPatches) => {
        const size = seen({ height, width }, 'auto', maxPatches)
        assert.ok(size.height % 16 === 0 && size.width % 16 === 0)
        assert.ok(size.height >= 16 && size.width >= 16)
        assert.ok(Math.max(size.height, size.width) <= 2048)
        assert.ok(patchesOf(tower as EmbeddingTower, size) <= maxPatches)
      }),
    )
    const { height, width } = seen({ height: 3000, width: 4000 }, 'auto')
    assert.deepEqual([height, width], [880, 1168])
  })

  it('is refused by name where the tower does not take it, with the nearest that it does', () => {
    const refused = (size: { height: number; width: number }, maxPatches = 4096) => {
      try {
        seen({ height: 1, width: 1 }, size, maxPatches)
      } catch (error) {
        return error as { code: string; param: string; message: string }
      }
      return assert.fail('it was taken')
    }
    const odd = refused({ height: 50, width: 77 })
    assert.deepEqual([odd.code, odd.param], ['invalid_request', 'aerie.size'])
    assert.match(odd.message, /multiples of 16 up to 2048, got 50×77; the nearest is 48×80$/)
    assert.match(refused({ height: 16, width: 4096 }).message, /the nearest is 16×2048$/)
    assert.match(refused({ height: 1024, width: 1024 }, 100).message, /at most 100 patches/)
  })
})
