/** Operations that treat every element or every last-axis row alone. Hot loops index with `!`. */
import type { NormAttributes } from '../../../../models/graph/ops.ts'
import { lastAxis, sizeOf, stridesOf, type Tensor, tensor } from './tensor.ts'

export function silu(x: Tensor): Tensor {
  return map(x, (v) => v / (1 + Math.exp(-v)))
}

export function exp(x: Tensor): Tensor {
  return map(x, Math.exp)
}

export function relu(x: Tensor): Tensor {
  return map(x, (v) => Math.max(0, v))
}

export function gelu(x: Tensor, form: 'erf' | 'tanh' | 'quick'): Tensor {
  switch (form) {
    case 'erf':
      return map(x, (v) => 0.5 * v * (1 + erf(v * Math.SQRT1_2)))
    case 'tanh':
      return map(
        x,
        (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
      )
    case 'quick':
      return map(x, (v) => v / (1 + Math.exp(-1.702 * v)))
  }
}

export function add(a: Tensor, b: Tensor): Tensor {
  return zip(a, b, (x, y) => x + y)
}

export function sub(a: Tensor, b: Tensor): Tensor {
  return zip(a, b, (x, y) => x - y)
}

export function mul(a: Tensor, b: Tensor): Tensor {
  return zip(a, b, (x, y) => x * y)
}

export function div(a: Tensor, b: Tensor): Tensor {
  return zip(a, b, (x, y) => x / y)
}

export function softmax(x: Tensor): Tensor {
  const y = tensor(x.shape, x.data.slice())
  const width = lastAxis(x)
  for (let row = 0; row < y.data.length; row += width) softmaxRow(y.data, row, width)
  return y
}

/** Softmax in place over `width` values from `start` on. */
export function softmaxRow(values: Float64Array, start: number, width: number): void {
  let largest = Number.NEGATIVE_INFINITY
  for (let i = start; i < start + width; i++) largest = Math.max(largest, values[i]!)
  let sum = 0
  for (let i = start; i < start + width; i++) sum += values[i] = Math.exp(values[i]! - largest)
  for (let i = start; i < start + width; i++) values[i]! /= sum
}

export function layerNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  { epsilon, weightOffset }: NormAttributes,
): Tensor {
  const y = tensor(x.shape)
  const width = lastAxis(x)
  for (let row = 0; row < x.data.length; row += width) {
    let mean = 0
    for (let i = 0; i < width; i++) mean += x.data[row + i]! / width
    let variance = 0
    for (let i = 0; i < width; i++) variance += (x.data[row + i]! - mean) ** 2 / width
    const scale = 1 / Math.sqrt(variance + epsilon)
    for (let i = 0; i < width; i++) {
      y.data[row + i] =
        (x.data[row + i]! - mean) * scale * (weight.data[i]! + weightOffset) + bias.data[i]!
    }
  }
  return y
}

export function rmsNorm(
  x: Tensor,
  weight: Tensor,
  { epsilon, weightOffset }: NormAttributes,
): Tensor {
  const y = tensor(x.shape)
  const width = lastAxis(x)
  for (let row = 0; row < x.data.length; row += width) {
    let squares = 0
    for (let i = 0; i < width; i++) squares += x.data[row + i]! ** 2 / width
    const scale = 1 / Math.sqrt(squares + epsilon)
    for (let i = 0; i < width; i++)
      y.data[row + i] = x.data[row + i]! * scale * (weight.data[i]! + weightOffset)
  }
  return y
}

/** x [n, c, ...rest] */
export function groupNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  { groups, epsilon }: { groups: number; epsilon: number },
): Tensor {
  const [n, channels] = x.shape as [number, number]
  const y = tensor(x.shape)
  const perChannel = x.data.length / n / channels
  const perGroup = (channels / groups) * perChannel
  for (let start = 0; start < x.data.length; start += perGroup) {
    let mean = 0
    for (let i = start; i < start + perGroup; i++) mean += x.data[i]! / perGroup
    let variance = 0
    for (let i = start; i < start + perGroup; i++) variance += (x.data[i]! - mean) ** 2 / perGroup
    const scale = 1 / Math.sqrt(variance + epsilon)
    for (let i = start; i < start + perGroup; i++) {
      const channel = Math.floor(i / perChannel) % channels
      y.data[i] = (x.data[i]! - mean) * scale * weight.data[channel]! + bias.data[channel]!
    }
  }
  return y
}

/** As the operation `standardize` of the graph language. */
export function standardize(x: Tensor, floor: number): Tensor {
  const y = tensor(x.shape)
  const length = x.data.length / x.shape[0]!
  for (let start = 0; start < x.data.length; start += length) {
    const part = x.data.subarray(start, start + length)
    const mean = part.reduce((sum, value) => sum + value, 0) / length
    const variance = part.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length
    const deviation = Math.max(Math.sqrt(variance), floor)
    for (let i = 0; i < length; i++) y.data[start + i] = (part[i]! - mean) / deviation
  }
  return y
}

function map(x: Tensor, f: (value: number) => number): Tensor {
  return tensor(x.shape, x.data.map(f))
}

/** NumPy's broadcasting. */
function zip(a: Tensor, b: Tensor, f: (x: number, y: number) => number): Tensor {
  const rank = Math.max(a.shape.length, b.shape.length)
  const pad = (shape: readonly number[]) => [
    ...new Array<number>(rank - shape.length).fill(1),
    ...shape,
  ]
  const [sizesA, sizesB] = [pad(a.shape), pad(b.shape)]
  const shape = sizesA.map((size, axis) => (size === 1 ? sizesB[axis]! : size))
  const step = (sizes: readonly number[]) =>
    stridesOf(sizes).map((stride, axis) => (sizes[axis] === 1 ? 0 : stride))
  const [stepsA, stepsB, strides] = [step(sizesA), step(sizesB), stridesOf(shape)]
  const y = tensor(shape)
  for (let i = 0; i < sizeOf(shape); i++) {
    let [atA, atB, rest] = [0, 0, i]
    for (let axis = 0; axis < rank; axis++) {
      const place = Math.floor(rest / strides[axis]!)
      rest -= place * strides[axis]!
      atA += place * stepsA[axis]!
      atB += place * stepsB[axis]!
    }
    y.data[i] = f(a.data[atA]!, b.data[atB]!)
  }
  return y
}

/** The error function to about 1e-15: its series near zero, its continued fraction away from it. */
export function erf(x: number): number {
  const magnitude = Math.abs(x)
  if (magnitude > 6) return Math.sign(x)
  if (magnitude < 2.5) {
    let term = x
    let sum = x
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / 2 / (magnitude + fraction)
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (magnitude + fraction))
}
