/** Operations on pictures [n, c, h, w]. Hot loops index with `!`. */
import { type Tensor, tensor } from './tensor.ts'

type Picture = [n: number, channels: number, height: number, width: number]

export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { stride, padding, groups }: { stride: number; padding: number; groups: number },
): Tensor {
  const [n, channels, height, width] = x.shape as Picture
  const [out, perGroup, kernelHeight, kernelWidth] = weight.shape as Picture
  const outHeight = Math.floor((height + 2 * padding - kernelHeight) / stride) + 1
  const outWidth = Math.floor((width + 2 * padding - kernelWidth) / stride) + 1
  const y = tensor([n, out, outHeight, outWidth])
  let at = 0
  for (let image = 0; image < n; image++) {
    for (let o = 0; o < out; o++) {
      const firstChannel = Math.floor(o / (out / groups)) * perGroup
      for (let row = 0; row < outHeight; row++) {
        for (let column = 0; column < outWidth; column++) {
          let sum = bias?.data[o] ?? 0
          for (let c = 0; c < perGroup; c++) {
            const plane = (image * channels + firstChannel + c) * height
            const kernel = (o * perGroup + c) * kernelHeight
            for (let ky = 0; ky < kernelHeight; ky++) {
              const sourceRow = row * stride - padding + ky
              if (sourceRow < 0 || sourceRow >= height) continue
              for (let kx = 0; kx < kernelWidth; kx++) {
                const sourceColumn = column * stride - padding + kx
                if (sourceColumn < 0 || sourceColumn >= width) continue
                sum +=
                  x.data[(plane + sourceRow) * width + sourceColumn]! *
                  weight.data[(kernel + ky) * kernelWidth + kx]!
              }
            }
          }
          y.data[at++] = sum
        }
      }
    }
  }
  return y
}

export function avgPool2d(x: Tensor, size: number): Tensor {
  const [n, channels, height, width] = x.shape as Picture
  const y = tensor([n, channels, height / size, width / size])
  const columns = width / size
  for (let i = 0; i < x.data.length; i++) {
    const row = Math.floor(i / width)
    const to = Math.floor(row / size) * columns + Math.floor((i % width) / size)
    y.data[to]! += x.data[i]! / (size * size)
  }
  return y
}

/** Along both axes by the matrices [to, from] of one kind of interpolation. */
export function resize(
  x: Tensor,
  { height, width }: { height: number; width: number },
  matrix: (from: number, to: number) => number[],
): Tensor {
  const [n, channels, fromHeight, fromWidth] = x.shape as Picture
  const y = tensor([n, channels, height, width])
  const down = taps(matrix(fromHeight, height), fromHeight)
  const across = taps(matrix(fromWidth, width), fromWidth)
  const row = new Float64Array(fromWidth)
  let at = 0
  for (let plane = 0; plane < n * channels; plane++) {
    for (const vertical of down) {
      row.fill(0)
      for (const { from, weight } of vertical) {
        const start = (plane * fromHeight + from) * fromWidth
        for (let c = 0; c < fromWidth; c++) row[c]! += weight * x.data[start + c]!
      }
      for (const horizontal of across) {
        let sum = 0
        for (const { from, weight } of horizontal) sum += weight * row[from]!
        y.data[at++] = sum
      }
    }
  }
  return y
}

interface Tap {
  readonly from: number
  readonly weight: number
}

/** What is not zero in each row of a matrix [to, from]. */
function taps(matrix: readonly number[], from: number): Tap[][] {
  return Array.from({ length: matrix.length / from }, (_, i) =>
    matrix
      .slice(i * from, (i + 1) * from)
      .map((weight, k) => ({ from: k, weight }))
      .filter(({ weight }) => weight !== 0),
  )
}
