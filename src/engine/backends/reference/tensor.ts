/** Tensors of the reference interpreter: 64-bit floats, so that its errors do not count. */

export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float64Array
}

export function tensor(
  shape: readonly number[],
  data: Float64Array = new Float64Array(sizeOf(shape)),
): Tensor {
  if (data.length !== sizeOf(shape))
    throw new Error(`[${shape.join(', ')}] does not hold ${data.length} values`)
  return { shape, data }
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Elements between neighbours along each axis. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1)
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = strides[axis + 1]! * shape[axis + 1]!
  return strides
}

/** The size of the last axis. */
export function lastAxis({ shape }: Tensor): number {
  return shape[shape.length - 1]!
}
