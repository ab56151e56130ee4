/**
 * Orthonormal Hadamard matrices, whose entries are all as large: the rotation that gives every channel the same variance
 * (PHI-S, arXiv 2410.01680). Built in the same ways and order as NVlabs/RADIO `examples/common/hadamard.py`, so that they
 * are the same matrices.
 */

/** Entries ±1, `[size, size]`, row-major. */
interface Signs {
  readonly size: number
  readonly at: (row: number, column: number) => number
}

/**
 * `[size, size]`, row-major. Throws RangeError for a size that neither Sylvester's nor Paley's constructions give; the
 * published code rotates by a random matrix there.
 */
export function hadamard(size: number): Float64Array {
  const { at } = signs(size)
  const scale = size ** -0.5
  return Float64Array.from(
    { length: size * size },
    (_, i) => scale * at(Math.floor(i / size), i % size),
  )
}

function signs(size: number): Signs {
  if (!Number.isInteger(size) || size < 1 || (size > 2 && size % 4 !== 0))
    throw new RangeError(`no Hadamard matrix has ${size} rows`)
  let doublings = 0
  while (size % 2 ** (doublings + 1) === 0) doublings++
  if (2 ** doublings === size) return sylvester(size)
  for (let i = doublings - 1; i >= 0; i--) {
    const small = paley(size / 2 ** i)
    if (small) return kronecker(sylvester(2 ** i), small)
  }
  throw new RangeError(`no construction gives a Hadamard matrix of ${size} rows`)
}

/** Of a power of two: −1 where the row and the column share an odd number of ones. */
function sylvester(size: number): Signs {
  return {
    size,
    at(row, column) {
      let shared = row & column
      let sign = 1
      for (; shared > 0; shared >>= 1) if (shared & 1) sign = -sign
      return sign
    },
  }
}

/** Paley's first construction, or else his second, of a prime. */
function paley(size: number): Signs | undefined {
  const first = size - 1
  if (isPrime(first) && first % 4 === 3) {
    const q = residues(first)
    return {
      size,
      at(row, column) {
        if (row === column) return 1
        if (row === 0) return 1
        return column === 0 ? -1 : q(row - column)
      },
    }
  }
  const second = size / 2 - 1
  if (!isPrime(second) || second % 4 !== 1) return undefined
  const q = residues(second)
  return {
    size,
    at(row, column) {
      const [i, j] = [row >> 1, column >> 1]
      const [top, left] = [row % 2 === 0, column % 2 === 0]
      if (i === j) return top && left ? 1 : -1
      const sign = i === 0 || j === 0 ? 1 : q(i - j)
      return top || left ? sign : -sign
    },
  }
}

/** Of a difference that is not 0: 1 for a square modulo the prime, else −1. */
function residues(prime: number): (difference: number) => number {
  const squares = new Set(Array.from({ length: prime - 1 }, (_, i) => (i + 1) ** 2 % prime))
  return (difference) => (squares.has(((difference % prime) + prime) % prime) ? 1 : -1)
}

function kronecker(a: Signs, b: Signs): Signs {
  const split = (place: number): [number, number] => [Math.floor(place / b.size), place % b.size]
  return {
    size: a.size * b.size,
    at(row, column) {
      const [i, k] = split(row)
      const [j, l] = split(column)
      return a.at(i, j) * b.at(k, l)
    },
  }
}

function isPrime(n: number): boolean {
  if (n < 2) return false
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return false
  return true
}
