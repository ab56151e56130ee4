/** Looking for the nearest row of a table. Hot loops index with `!`. */
import { lastAxis, type Tensor, tensor } from './tensor.ts'

/** x [..., c], table [n, c] → [..., n] */
export function squaredDistances(x: Tensor, table: Tensor): Tensor {
  const [rows, width] = table.shape as [number, number]
  const y = tensor([...x.shape.slice(0, -1), rows])
  for (let i = 0; i * width < x.data.length; i++) {
    for (let row = 0; row < rows; row++) {
      let sum = 0
      for (let c = 0; c < width; c++)
        sum += (x.data[i * width + c]! - table.data[row * width + c]!) ** 2
      y.data[i * rows + row] = sum
    }
  }
  return y
}

/** Of the last axis; the first of equal ones. */
export function argmin(x: Tensor): Tensor {
  const width = lastAxis(x)
  const y = tensor(x.shape.slice(0, -1))
  for (let row = 0; row < y.data.length; row++) {
    let best = 0
    for (let i = 1; i < width; i++)
      if (x.data[row * width + i]! < x.data[row * width + best]!) best = i
    y.data[row] = best
  }
  return y
}
