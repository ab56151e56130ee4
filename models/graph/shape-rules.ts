/** Shapes of the operations whose rule is longer than a line. */
import type { KvAttentionAttributes, OpAttributes, RelativeAttentionAttributes } from './ops.ts'
import { type Dim, type Shape, sameShape } from './shape.ts'

/** Of a convolution's result; undefined when x, weight and groups do not fit. */
export function conv2dShape(
  x: Shape,
  weight: readonly number[],
  { stride, padding, groups }: OpAttributes['conv2d'],
): Shape | undefined {
  const [n, channels, height, width] = x
  const [out, perGroup, kernelHeight, kernelWidth] = weight
  if (
    weight.length !== 4 ||
    x.length !== 4 ||
    typeof height !== 'number' ||
    typeof width !== 'number' ||
    channels !== perGroup! * groups ||
    out! % groups !== 0
  ) {
    return undefined
  }
  const extent = (size: number, kernel: number) =>
    Math.floor((size + 2 * padding - kernel) / stride) + 1
  return [n!, out!, extent(height, kernelHeight!), extent(width, kernelWidth!)]
}

/** Of parts joined along an axis; undefined when they do not fit. */
export function concatShape(shapes: readonly Shape[], axis: number): Shape | undefined {
  const [first] = shapes
  let extent = 0
  for (const shape of shapes) {
    const size = shape[axis]
    const others = (of: Shape) => of.filter((_, i) => i !== axis)
    if (typeof size !== 'number' || !sameShape(others(first!), others(shape))) return undefined
    extent += size
  }
  return first?.with(axis, extent)
}

/** Whether x, weight and bias have as many channels, and whole groups of them. */
export function fitsGroupNorm(
  [x, ...parameters]: readonly [Shape, ...Shape[]],
  groups: number,
): boolean {
  const channels = x[1]
  if (typeof channels !== 'number' || channels % groups !== 0) return false
  return parameters.every((shape) => sameShape(shape, [channels]))
}

/** Whether q, k, v and positions are those of heads of this geometry. */
export function fitsKvAttention(
  shapes: readonly Shape[],
  { heads, kvHeads, headDim }: KvAttentionAttributes,
): boolean {
  const [q, k, v, positions] = shapes as [Shape, Shape, Shape, Shape]
  const [batch, queries] = positions as [Dim, Dim]
  return (
    positions.length === 2 &&
    sameShape(q, [batch, queries, heads * headDim]) &&
    sameShape(k, [batch, k[1]!, kvHeads * headDim]) &&
    sameShape(k, v) &&
    heads % kvHeads === 0
  )
}

/** Whether x, weight and bias have as many channels, and the kernel sees something before its step. */
export function fitsCausalConv([x, weight, bias]: readonly Shape[]): boolean {
  const [kernel, channels] = weight!
  return (
    x!.length === 3 &&
    typeof kernel === 'number' &&
    kernel > 1 &&
    sameShape(weight!, [kernel, x![2]!]) &&
    (bias === undefined || sameShape(bias, [channels!]))
  )
}

/** Whether x, dt, a, b, c, d and z are those of one scan. */
export function fitsSelectiveScan([x, dt, a, b, c, d, z]: readonly Shape[]): boolean {
  const [batch, steps, channels] = x as [Dim, Dim, Dim]
  const [state] = a as [Dim]
  return (
    x!.length === 3 &&
    typeof state === 'number' &&
    sameShape(dt!, x!) &&
    sameShape(a!, [state, channels]) &&
    sameShape(b!, [batch, steps, state]) &&
    sameShape(c!, b!) &&
    sameShape(d!, [channels]) &&
    (z === undefined || sameShape(z, x!))
  )
}

/** Whether q, k, v, rows and columns are those of a map of this size. */
export function fitsRelativeAttention(
  shapes: readonly Shape[],
  { heads, height, width }: RelativeAttentionAttributes,
): boolean {
  const [q, k, v, rows, columns] = shapes as [Shape, Shape, Shape, Shape, Shape]
  const channels = q[2]
  if (q.length !== 3 || typeof channels !== 'number' || channels % heads !== 0) return false
  const headDim = channels / heads
  return (
    q[1] === height * width &&
    sameShape(q, k) &&
    sameShape(q, v) &&
    sameShape(rows, [2 * height - 1, headDim]) &&
    sameShape(columns, [2 * width - 1, headDim])
  )
}
