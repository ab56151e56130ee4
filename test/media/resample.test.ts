import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Kernel, type Picture, plainRowResizer, resize } from '../../src/media/resample.ts'
import { simdRowResizer } from '../../src/media/resample-simd.ts'
import golden from '../fixtures/media/pillow-12.3.0.json' with { type: 'json' }

const KERNELS: readonly Kernel[] = ['bicubic', 'bilinear', 'lanczos']

/** The noise that the golden file was made from: Numerical Recipes' generator, high bytes. */
function noise(width: number, height: number): Picture {
  let state = 1000 * width + height
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
  return { data, width, height }
}

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')

describe('the SIMD form of a row’s resizing', () => {
  it('equals the plain one, whatever the taps and the bytes', () => {
    const weight = fc.integer({ min: -(2 ** 22) - 9999, max: 2 ** 22 + 9999 })
    const tap = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      weights: fc.array(weight, { minLength: 1, maxLength: 9 }),
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)), { minLength: 9, maxLength: 40 }),
        fc.array(tap, { minLength: 1, maxLength: 30 }),
        fc.tuple(fc.nat(5), fc.nat(5)),
        (pixels, outputs, [before, after]) => {
          const stride = 9
          const taps = {
            first: Int32Array.from(outputs, ({ at, weights }) =>
              Math.round(at * (pixels.length - weights.length)),
            ),
            count: Int32Array.from(outputs, ({ weights }) => weights.length),
            weights: Int32Array.from(
              outputs.flatMap(({ weights }) => [
                ...weights,
                ...new Array(stride - weights.length).fill(0),
              ]),
            ),
            stride,
          }
          const source = Uint8Array.from([...new Array(before).fill(77), ...pixels.flat()])
          const resized = [simdRowResizer(pixels.length, taps), plainRowResizer(taps)].map(
            (resizeRow) => {
              const target = new Uint8ClampedArray(after + outputs.length * 3 + 2).fill(9)
              resizeRow!(source, before, target, after)
              return target
            },
          )
          assert.deepEqual(resized[0], resized[1])
        },
      ),
    )
  })
})

describe('resizing', () => {
  for (const kernel of KERNELS) {
    it(`equals Pillow 12.3.0 bit for bit: ${kernel}`, () => {
      const cases = golden.filter((entry) => entry.kernel === kernel)
      assert.ok(cases.length >= 15)
      for (const { from, to, sha256: expected } of cases) {
        const [width, height] = from as [number, number]
        const out = resize(noise(width, height), to[0]!, to[1]!, { kernel })
        assert.equal(sha256(out.data), expected, `${width}×${height} → ${to[0]}×${to[1]}`)
      }
    })
  }

  it('of a canvas equals resizing the canvas as a picture', () => {
    const side = fc.integer({ min: 1, max: 24 })
    const gap = fc.integer({ min: 0, max: 9 })
    const byte = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(
        fc.tuple(side, side, fc.tuple(gap, gap, gap, gap), side, side),
        fc.tuple(byte, byte, byte),
        fc.constantFrom(...KERNELS),
        ([width, height, [left, right, top, bottom], toWidth, toHeight], color, kernel) => {
          const picture = noise(width, height)
          const canvas = {
            width: left + width + right,
            height: top + height + bottom,
            left,
            top,
            color,
          }
          const data = new Uint8Array(canvas.width * canvas.height * 3).map((_, i) => color[i % 3]!)
          for (let y = 0; y < height; y++) {
            const row = picture.data.subarray(y * width * 3, (y + 1) * width * 3)
            data.set(row, ((top + y) * canvas.width + left) * 3)
          }
          // Strips are resized in the other order when they are pictures, never when they are canvases.
          fc.pre(canvas.height <= canvas.width * 100)
          const whole = { data, width: canvas.width, height: canvas.height }
          assert.deepEqual(
            resize(picture, toWidth, toHeight, { kernel, canvas }).data,
            resize(whole, toWidth, toHeight, { kernel }).data,
          )
        },
      ),
    )
  })

  it('leaves a picture of the right size as it is', () => {
    const picture = noise(13, 7)
    for (const kernel of KERNELS) assert.deepEqual(resize(picture, 13, 7, { kernel }), picture)
  })

  it('keeps a flat colour flat', () => {
    const flat = {
      data: new Uint8Array(300).map((_, i) => [9, 200, 255][i % 3]!),
      width: 10,
      height: 10,
    }
    for (const kernel of KERNELS) {
      const { data } = resize(flat, 33, 3, { kernel })
      assert.ok(data.every((byte, i) => byte === [9, 200, 255][i % 3]))
    }
  })
})
