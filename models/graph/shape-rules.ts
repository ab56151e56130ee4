/** Shapes of the operations whose rule is longer than a line. */
import type { OpAttributes, RelativeAttentionAttributes } from './ops.ts'
import { type Shape, sameShape } from './shape.ts'

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
