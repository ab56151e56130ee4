/** The discrete Fourier transform of a window, by Cooley and Tukey's division into the prime factors of its length. */

export class Fft {
  readonly #size: number
  readonly #factors: readonly number[]
  readonly #cos: Float64Array
  readonly #sin: Float64Array
  readonly #real: Float64Array
  readonly #imaginary: Float64Array
  readonly #scratch: readonly [Float64Array, Float64Array]
  readonly #windowed: Float64Array
  readonly #power: Float64Array

  /** For windows of `size` samples, fastest where it has small factors: 400 = 2⁴ · 5². */
  constructor(size: number) {
    this.#size = size
    this.#factors = primeFactors(size)
    const angles = Float64Array.from({ length: size }, (_, i) => (-2 * Math.PI * i) / size)
    this.#cos = angles.map(Math.cos)
    this.#sin = angles.map(Math.sin)
    const values = () => new Float64Array(size)
    this.#real = values()
    this.#imaginary = values()
    this.#scratch = [values(), values()]
    this.#windowed = values()
    this.#power = new Float64Array(Math.floor(size / 2) + 1)
  }

  /** |X|² of `size` samples, each times its `window`, at frequencies 0 … size / 2. The result is used again by the next call. */
  power(samples: Float32Array, window: Float64Array): Float64Array {
    for (let i = 0; i < this.#size; i++) this.#windowed[i] = samples[i]! * window[i]!
    this.#transform(0, 1, this.#size, 0, 0)
    for (let i = 0; i < this.#power.length; i++)
      this.#power[i] = this.#real[i]! ** 2 + this.#imaginary[i]! ** 2
    return this.#power
  }

  /** Transforms the `size` values from `first` on, `stride` apart, into places `to` and on of the result. */
  #transform(first: number, stride: number, size: number, to: number, depth: number): void {
    if (size === 1) {
      this.#real[to] = this.#windowed[first]!
      this.#imaginary[to] = 0
      return
    }
    const factor = this.#factors[depth]!
    const part = size / factor
    for (let i = 0; i < factor; i++)
      this.#transform(first + i * stride, stride * factor, part, to + i * part, depth + 1)
    this.#combine(to, size, factor)
  }

  /** The transforms of `factor` interleaved parts, one after the other → that of the whole, in place. */
  #combine(to: number, size: number, factor: number): void {
    const part = size / factor
    // Angles are those of the whole window, of which this is every so-many-th.
    const turn = this.#size / size
    const [real, imaginary] = this.#scratch
    for (let k = 0; k < size; k++) {
      let [re, im] = [0, 0]
      for (let i = 0; i < factor; i++) {
        const from = to + i * part + (k % part)
        const angle = ((i * k) % size) * turn
        const [c, s] = [this.#cos[angle]!, this.#sin[angle]!]
        const [x, y] = [this.#real[from]!, this.#imaginary[from]!]
        re += x * c - y * s
        im += x * s + y * c
      }
      real[k] = re
      imaginary[k] = im
    }
    for (let k = 0; k < size; k++) {
      this.#real[to + k] = real[k]!
      this.#imaginary[to + k] = imaginary[k]!
    }
  }
}

function primeFactors(size: number): number[] {
  const factors: number[] = []
  let left = size
  for (let factor = 2; left > 1; factor++) {
    for (; left % factor === 0; left /= factor) factors.push(factor)
  }
  return factors
}
