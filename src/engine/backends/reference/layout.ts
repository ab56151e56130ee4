/** Operations that move elements and compute nothing. */
import { sizeOf, stridesOf, type Tensor, tensor } from './tensor.ts'

export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  const shape = permutation.map((axis) => x.shape[axis]!)
  const from = stridesOf(x.shape)
  const to = stridesOf(shape)
  const y = tensor(shape)
  for (let i = 0; i < y.data.length; i++) {
    let [source, rest] = [0, i]
    for (const [axis, origin] of permutation.entries()) {
      const place = Math.floor(rest / to[axis]!)
      rest -= place * to[axis]!
      source += place * from[origin]!
    }
    y.data[i] = x.data[source]!
  }
  return y
}

export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const extent = tensors.reduce((sum, { shape }) => sum + shape[axis]!, 0)
  const y = tensor(tensors[0]!.shape.with(axis, extent))
  const outer = sizeOf(y.shape.slice(0, axis))
  const inner = sizeOf(y.shape.slice(axis + 1))
  let offset = 0
  for (const { shape, data } of tensors) {
    const run = shape[axis]! * inner
    for (let o = 0; o < outer; o++)
      y.data.set(data.subarray(o * run, (o + 1) * run), o * extent * inner + offset)
    offset += run
  }
  return y
}

/** x [1, ...rest] → [count, ...rest] */
export function expand(x: Tensor, count: number): Tensor {
  const y = tensor(x.shape.with(0, count))
  for (let i = 0; i < count; i++) y.data.set(x.data, i * x.data.length)
  return y
}

export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const y = tensor(x.shape.with(axis, end - start))
  const outer = sizeOf(x.shape.slice(0, axis))
  const inner = sizeOf(x.shape.slice(axis + 1))
  const extent = x.shape[axis]!
  for (let o = 0; o < outer; o++) {
    const from = (o * extent + start) * inner
    y.data.set(x.data.subarray(from, from + (end - start) * inner), o * (end - start) * inner)
  }
  return y
}

/** As the operation `gather` of the graph language. */
export function gather(table: Tensor, indices: Tensor, batchDims: 0 | 1): Tensor {
  const rest = table.shape.slice(batchDims + 1)
  const width = sizeOf(rest)
  const y = tensor([...indices.shape, ...rest])
  const batch = batchDims === 1 ? indices.shape[0]! : 1
  const perBatch = indices.data.length / batch
  for (const [i, index] of indices.data.entries()) {
    const row = Math.floor(i / perBatch) * (table.data.length / batch / width) + index
    y.data.set(table.data.subarray(row * width, (row + 1) * width), i * width)
  }
  return y
}
