/** NIfTI volumes: recorded slices of them are in the parity cases of VILA-M3. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { toRas } from '../../models/vila-m3/slices.ts'
import { AerieError } from '../../src/errors.ts'
import { readNifti } from '../../src/media/nifti.ts'

const LIMIT = 1 << 20
const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/vila-m3/transcripts/inputs/${name}`, import.meta.url))

/** A volume of 2 × 3 × 1 voxels 0…5, of 16 bits, without a place unless `place` writes one. */
function small(place: (view: DataView) => void = () => {}, little = true): Uint8Array {
  const bytes = new Uint8Array(352 + 12)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, 348, little)
  for (const [i, value] of [3, 2, 3, 1].entries()) view.setInt16(40 + 2 * i, value, little)
  view.setInt16(70, 4, little)
  for (const [i, value] of [1, 2, 3, 4].entries()) view.setFloat32(76 + 4 * i, value, little)
  view.setFloat32(108, 352, little)
  for (let i = 0; i < 6; i++) view.setInt16(352 + 2 * i, i, little)
  place(view)
  return bytes
}

describe('a NIfTI file', () => {
  it('is read in either byte order, packed or not, its values scaled', () => {
    const scaled = (little: boolean) =>
      small((view) => {
        view.setFloat32(112, 2, little)
        view.setFloat32(116, -1, little)
      }, little)
    for (const file of [scaled(true), scaled(false), gzipSync(scaled(true))]) {
      const { shape, values } = readNifti(file, LIMIT, 'x')
      assert.deepEqual(shape, [2, 3, 1])
      assert.deepEqual([...values], [-1, 1, 3, 5, 7, 9])
    }
  })

  it('has the place of its matrix, else of its quaternion, else none but sizes', () => {
    assert.deepEqual(readNifti(small(), LIMIT, 'x').affine, [
      [-2, 0, 0, 1],
      [0, 3, 0, -3],
      [0, 0, 4, -0],
    ])
    // Half a turn around the third axis.
    const turned = small((view) => {
      view.setInt16(252, 1, true)
      view.setFloat32(264, 1, true)
      view.setFloat32(268, 7, true)
    })
    assert.deepEqual(
      readNifti(turned, LIMIT, 'x').affine.map(([a, b, c, d]) => [a! + 0, b! + 0, c! + 0, d]),
      [
        [-2, 0, 0, 7],
        [0, -3, 0, 0],
        [0, 0, 4, 0],
      ],
    )
    const placed = small((view) => {
      view.setInt16(254, 1, true)
      for (let i = 0; i < 12; i++) view.setFloat32(280 + 4 * i, i, true)
    })
    assert.deepEqual(readNifti(placed, LIMIT, 'x').affine[1], [4, 5, 6, 7])
  })

  it('is turned to the right, front and up without a change of any voxel', () => {
    const { shape, values, affine } = toRas({
      shape: [2, 3, 1],
      values: Float32Array.of(0, 1, 2, 3, 4, 5),
      // The first axis runs to the back, the second to the left.
      affine: [
        [0, -1, 0, 10],
        [-1, 0, 0, 20],
        [0, 0, 1, 0],
      ],
    })
    assert.deepEqual(shape, [3, 2, 1])
    assert.deepEqual([...values], [5, 3, 1, 4, 2, 0])
    assert.deepEqual(
      affine.map((row) => row.map((value) => value + 0)),
      [
        [1, 0, 0, 8],
        [0, 1, 0, 19],
        [0, 0, 1, 0],
      ],
    )
  })

  it('that is damaged or too large is refused, quickly and by name', () => {
    const refuse = (file: Uint8Array, code: string) =>
      assert.throws(() => readNifti(file, LIMIT, 'scan'), { code, message: /^scan: / })
    refuse(new Uint8Array(10), 'invalid_media')
    refuse(new Uint8Array(400), 'invalid_media')
    refuse(gzipSync(new Uint8Array(LIMIT + 1)), 'media_too_large')
    refuse(
      small((view) => view.setInt16(42, 3000, true)),
      'invalid_media',
    )
    refuse(
      small((view) => view.setInt16(70, 128, true)),
      'invalid_media',
    )
    const whole = fixture('ct_liver.nii.gz')
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
        const file = Uint8Array.from(whole)
        file[at] = value
        try {
          readNifti(file, LIMIT, 'scan')
        } catch (error) {
          assert.ok(error instanceof AerieError)
        }
      }),
      { numRuns: 300 },
    )
  })
})
