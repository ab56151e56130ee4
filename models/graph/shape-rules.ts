/** Shapes of the operations whose rule is longer than a line. */
import type { OpAttributes } from './ops.ts'
import type { Shape } from './shape.ts'

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
