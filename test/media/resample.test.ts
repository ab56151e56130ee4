import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Picture, resize } from '../../src/media/resample.ts'
import { PLAIN, type Resizers } from '../../src/media/resample-plain.ts'
import { SIMD } from '../../src/media/resample-simd.ts'
import type { Kernel, Taps } from '../../src/media/resample-taps.ts'
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

/** Any taps on so many inputs, beyond what a kernel gives. */
function anyTaps(inputs: number): fc.Arbitrary<Taps> {
  const stride = Math.min(9, inputs)
  const weight = fc.integer({ min: -(2 ** 22) - 9999, max: 2 ** 22 + 9999 })
  const output = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    weights: fc.array(weight, { minLength: 1, maxLength: stride }),
  })
  return fc.array(output, { minLength: 1, maxLength: 30 }).map((outputs) => ({
    first: Int32Array.from(outputs, ({ at, weights }) =>
      Math.round(at * (inputs - weights.length)),
    ),
    count: Int32Array.from(outputs, ({ weights }) => weights.length),
    weights: Int32Array.from(
      outputs.flatMap(({ weights }) => [...weights, ...new Array(stride).fill(0)].slice(0, stride)),
    ),
    stride,
  }))
}

/** The passes by themselves: rows in uneven batches between bytes that must stay, and columns. */
function passes(by: Resizers, { data, width, height }: Picture, taps: { x: Taps; y: Taps }) {
  const rowBytes = taps.x.first.length * 3
  const rows = new Uint8Array(5 + height * rowBytes + 5).fill(77)
  const { batch, input, resize } = by.rows(width, taps.x)
  for (let y = 0; y < height; y += batch) {
    const n = Math.min(batch, height - y)
    input.set(data.subarray(y * width * 3, (y + n) * width * 3))
    resize(n, rows, 5 + y * rowBytes)
  }
  const columns = by.columns(width, height, taps.y)
  columns.input.set(data)
  return { rows, columns: columns.resize() }
}

describe('the SIMD form of resizing', { skip: !SIMD && 'this machine has none' }, () => {
  const simd = SIMD!

  it('equals the plain one in each pass, whatever the taps and the bytes', () => {
    const sides = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }))
    const any = sides.chain(([width, height]) =>
      fc.record({
        data: fc.uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 }),
        width: fc.constant(width),
        height: fc.constant(height),
        x: anyTaps(width),
        y: anyTaps(height),
      }),
    )
    fc.assert(
      fc.property(any, ({ x, y, ...picture }) => {
        assert.deepEqual(passes(simd, picture, { x, y }), passes(PLAIN, picture, { x, y }))
      }),
    )
  })

  it('equals the plain one of pictures and canvases, up and down, whatever came before', () => {
    const side = fc.integer({ min: 1, max: 300 })
    const gap = fc.integer({ min: 0, max: 60 })
    const canvas = fc.option(fc.tuple(gap, gap, gap, gap), { nil: undefined })
    fc.assert(
      fc.property(
        fc.tuple(side, side, side, side),
        canvas,
        fc.constantFrom(...KERNELS),
        ([width, height, toWidth, toHeight], gaps, kernel) => {
          const picture = noise(width, height)
          const on = gaps && {
            canvas: {
              width: gaps[0] + width + gaps[1],
              height: gaps[2] + height + gaps[3],
              left: gaps[0],
              top: gaps[2],
              color: [7, 130, 255] as const,
            },
          }
          const { data } = resize(picture, toWidth, toHeight, { kernel, ...on, by: simd })
          const plain = resize(picture, toWidth, toHeight, { kernel, ...on, by: PLAIN })
          // Not deepEqual, which takes longer than resizing.
          assert.equal(Buffer.compare(data, plain.data), 0)
        },
      ),
    )
  })

  it('equals the plain one of a picture too large for the memory that is kept, and after it', () => {
    for (const [width, height] of [
      [40, 30],
      [500, 6000],
      [41, 31],
    ] as const) {
      const [simple, fast] = [PLAIN, simd].map((by) =>
        resize(noise(width, height), 500, height >> 1, { kernel: 'bilinear', by }),
      )
      assert.equal(sha256(fast!.data), sha256(simple!.data))
    }
  })
})

describe('resizing', () => {
  for (const kernel of KERNELS) {
    it(`equals Pillow 12.3.0 bit for bit: ${kernel}`, () => {
      const cases = golden.filter((entry) => entry.kernel === kernel)
      assert.ok(cases.length >= 15)
      for (const { from, to, sha256: expected } of cases) {
        const [width, height] = from as [number, number]
        for (const by of [undefined, PLAIN]) {
          const out = resize(noise(width, height), to[0]!, to[1]!, { kernel, ...(by && { by }) })
          assert.equal(sha256(out.data), expected, `${width}×${height} → ${to[0]}×${to[1]}`)
        }
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

  it('of a strip on a canvas leaves nothing of the canvas out', () => {
    const strip = noise(1, 120)
    const canvas = { width: 120, height: 120, left: 59, top: 0, color: [9, 9, 9] as const }
    const data = new Uint8Array(120 * 120 * 3).fill(9)
    for (let y = 0; y < 120; y++) {
      data.set(strip.data.subarray(y * 3, y * 3 + 3), (y * 120 + 59) * 3)
    }
    for (const kernel of KERNELS) {
      const whole = resize({ data, width: 120, height: 120 }, 16, 16, { kernel })
      assert.deepEqual(resize(strip, 16, 16, { kernel, canvas }), whole)
    }
  })

  it('of a part equals that part of the whole', () => {
    const parts: [
      from: [number, number],
      to: [number, number],
      window: [number, number, number, number],
    ][] = [
      [
        [50, 30],
        [41, 77],
        [3, 5, 20, 60],
      ],
      [
        [50, 30],
        [50, 30],
        [7, 2, 30, 11],
      ],
      [
        [50, 30],
        [50, 19],
        [7, 0, 30, 19],
      ],
      [
        [3, 400],
        [9, 60],
        [2, 10, 5, 40],
      ],
    ]
    for (const [[fromWidth, fromHeight], [width, height], window] of parts) {
      const picture = noise(fromWidth, fromHeight)
      const [left, top, across, down] = window
      const whole = resize(picture, width, height, { kernel: 'bicubic' })
      const part = resize(picture, width, height, {
        kernel: 'bicubic',
        window: { left, top, width: across, height: down },
      })
      assert.deepEqual([part.width, part.height], [across, down])
      for (let y = 0; y < down; y++) {
        const at = ((top + y) * width + left) * 3
        const row = part.data.subarray(y * across * 3, (y + 1) * across * 3)
        assert.deepEqual(row, whole.data.subarray(at, at + across * 3))
      }
    }
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
