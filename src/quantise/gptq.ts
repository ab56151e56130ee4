/**
 * What rounding a weight changes is made good by the weights behind it in its row (GPTQ, Frantar et al.,
 * https://arxiv.org/abs/2210.17323), within blocks of neighbours: what a layer reads is looked at a block at a time, and neither
 * memory nor time grows with the square of its width. Hot loops index with `!`.
 */

/** Neighbours that make good for each other. Every group divides it, or it the group. */
export const FEEDBACK_BLOCK = 128
/** Share of the mean square that is added to every square: what was not seen in the text is not worth nothing. */
const DAMPING = 0.01

/** Elements of the blocks of a layer that reads `width` values: [blocks, block, block], the last one smaller. */
export function blockElements(width: number): number {
  const rest = width % FEEDBACK_BLOCK
  return (width - rest) * FEEDBACK_BLOCK + rest * rest
}

/** Calls `use` for each block: its first column, its columns, and where its square begins. */
export function eachBlock(
  width: number,
  use: (start: number, size: number, at: number) => void,
): void {
  for (let start = 0; start < width; start += FEEDBACK_BLOCK)
    use(start, Math.min(FEEDBACK_BLOCK, width - start), start * FEEDBACK_BLOCK)
}

/** Adds to `sums` the products of neighbours in each row of `inputs` [rows, width], below the diagonal and on it. */
export function addProducts(sums: Float32Array, inputs: Float32Array, width: number): void {
  eachBlock(width, (start, size, at) => {
    for (let row = start; row < inputs.length; row += width) {
      for (let i = 0; i < size; i++) {
        const x = inputs[row + i]!
        const line = at + i * size
        for (let j = 0; j <= i; j++) sums[line + j] = sums[line + j]! + x * inputs[row + j]!
      }
    }
  })
}

/**
 * Sums of products → factors, in place: for each block U, upper, with UᵀU the inverse of the sums. Of an error e in column k,
 * U[k, j] / U[k, k] · e is what column j behind it makes good.
 */
export function toFactors(sums: Float32Array, width: number): void {
  eachBlock(width, (_, size, at) => {
    const block = sums.subarray(at, at + size * size)
    block.set(inverseFactor(block, size))
  })
}

/**
 * H of which the lower half is given → U. With its order reversed H is L·Lᵀ; the inverse of L, lower as well, is U in reversed
 * order.
 */
function inverseFactor(half: Float32Array, n: number): Float64Array {
  let trace = 0
  for (let i = 0; i < n; i++) trace += half[i * n + i]!
  // Columns that were never anything but zero: no weight of theirs matters, and none makes good for another.
  const damping = (DAMPING * trace) / n || 1
  const lower = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = half[(n - 1 - j) * n + (n - 1 - i)]! + (i === j ? damping : 0)
      for (let k = 0; k < j; k++) sum -= lower[i * n + k]! * lower[j * n + k]!
      lower[i * n + j] = i === j ? Math.sqrt(sum) : sum / lower[j * n + j]!
    }
  }
  const inverse = new Float64Array(n * n)
  const upper = new Float64Array(n * n)
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = i === j ? 1 : 0
      for (let k = j; k < i; k++) sum -= lower[i * n + k]! * inverse[k * n + j]!
      inverse[i * n + j] = sum / lower[i * n + i]!
      upper[(n - 1 - i) * n + (n - 1 - j)] = inverse[i * n + j]!
    }
  }
  return upper
}

/** What an error in each column costs after the columns behind it have made good for it what they can. */
export function columnWeights(factors: Float32Array, width: number): Float64Array {
  const weights = new Float64Array(width)
  eachBlock(width, (start, size, at) => {
    for (let k = 0; k < size; k++) weights[start + k] = 1 / factors[at + k * size + k]! ** 2
  })
  return weights
}
