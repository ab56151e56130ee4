/** What an adapter (LoRA) adds to a product. */
import { linear } from './attention.ts'
import { type Tensor, tensor } from './tensor.ts'

/** scale · (x · downᵀ) · upᵀ */
export interface AddedProduct {
  readonly scale: number
  /** [rank, in] */
  readonly down: Tensor
  /** [out, rank] */
  readonly up: Tensor
}

/** y + scale · (x · downᵀ) · upᵀ */
export function adapted(y: Tensor, x: Tensor, { scale, down, up }: AddedProduct): Tensor {
  const added = linear(linear(x, down), up)
  return tensor(
    y.shape,
    y.data.map((value, i) => value + scale * added.data[i]!),
  )
}
