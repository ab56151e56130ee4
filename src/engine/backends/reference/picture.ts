/** Operations on pictures [n, c, h, w]. Hot loops index with `!`. */
import { cubicMatrix } from '../../../../models/graph/interpolation.ts'
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

/** Bilinear without antialias; the corner pixels keep their places, or else edges are repeated. */
export function resizeBilinear(
  x: Tensor,
  { height, width, alignCorners }: { height: number; width: number; alignCorners: boolean },
): Tensor {
  const [n, channels, fromHeight, fromWidth] = x.shape as Picture
  const y = tensor([n, channels, height, width])
  const along = (i: number, from: number, to: number) => {
    if (!alignCorners) return Math.max(0, ((i + 0.5) * from) / to - 0.5)
    return to === 1 ? 0 : (i * (from - 1)) / (to - 1)
  }
  let at = 0
  for (let plane = 0; plane < n * channels; plane++) {
    const pixel = (row: number, column: number) =>
      x.data[
        (plane * fromHeight + Math.min(row, fromHeight - 1)) * fromWidth +
          Math.min(column, fromWidth - 1)
      ]!
    for (let row = 0; row < height; row++) {
      const fy = along(row, fromHeight, height)
      const top = Math.floor(fy)
      for (let column = 0; column < width; column++) {
        const fx = along(column, fromWidth, width)
        const left = Math.floor(fx)
        const upper = pixel(top, left) * (1 - fx + left) + pixel(top, left + 1) * (fx - left)
        const lower =
          pixel(top + 1, left) * (1 - fx + left) + pixel(top + 1, left + 1) * (fx - left)
        y.data[at++] = upper * (1 - fy + top) + lower * (fy - top)
      }
    }
  }
  return y
}

/** Bicubic without antialias between pixel centres, edges repeated. */
export function resizeBicubic(x: Tensor, height: number, width: number): Tensor {
  const [n, channels, fromHeight, fromWidth] = x.shape as Picture
  const y = tensor([n, channels, height, width])
  const [down, across] = [cubicMatrix(fromHeight, height), cubicMatrix(fromWidth, width)]
  let at = 0
  for (let plane = 0; plane < n * channels; plane++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++, at++) {
        for (let r = 0; r < fromHeight; r++) {
          const weight = down[row * fromHeight + r]!
          if (weight === 0) continue
          const start = (plane * fromHeight + r) * fromWidth
          for (let c = 0; c < fromWidth; c++)
            y.data[at]! += weight * across[column * fromWidth + c]! * x.data[start + c]!
        }
      }
    }
  }
  return y
}
