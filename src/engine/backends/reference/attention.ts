/** Matrix products, rotary embedding and attention. Hot loops index with `!`. */
import type {
  AttentionAttributes,
  KvAttentionAttributes,
  RelativeAttentionAttributes,
  RopeAttributes,
} from '../../../../models/graph/ops.ts'
import { softmaxRow } from './element-wise.ts'
import { lastAxis, type Tensor, tensor } from './tensor.ts'

/** Keys or values of one layer as a sequence holds them: `[kvHeads, length, headDim]`. */
export interface PastOfLayer {
  readonly keys: Float32Array
  readonly values: Float32Array
}

/** The cache of the one sequence that a run computes. */
export interface SequenceCache {
  readonly length: number
  past(layer: number): PastOfLayer
  /** Takes this run's keys and values of a layer, `[steps, kvHeads · headDim]`. */
  append(layer: number, keys: Float64Array, values: Float64Array): void
}

export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [out, width] = weight.shape as [number, number]
  const y = tensor([...x.shape.slice(0, -1), out])
  for (let row = 0; row * width < x.data.length; row++) {
    for (let o = 0; o < out; o++) {
      let sum = bias ? bias.data[o]! : 0
      for (let i = 0; i < width; i++) sum += x.data[row * width + i]! * weight.data[o * width + i]!
      y.data[row * out + o] = sum
    }
  }
  return y
}

export function rope(
  x: Tensor,
  positions: Tensor,
  { headDim, inverseFrequencies, style, magnitude }: RopeAttributes,
): Tensor {
  const y = tensor(x.shape, x.data.slice())
  const pairs = inverseFrequencies.length
  const width = lastAxis(x)
  for (let start = 0; start < x.data.length; start += headDim) {
    const position = positions.data[Math.floor(start / width)]!
    for (let i = 0; i < pairs; i++) {
      const first = start + (style === 'half' ? i : 2 * i)
      const second = style === 'half' ? first + pairs : first + 1
      const angle = position * inverseFrequencies[i]!
      const [cos, sin] = [magnitude * Math.cos(angle), magnitude * Math.sin(angle)]
      y.data[first] = x.data[first]! * cos - x.data[second]! * sin
      y.data[second] = x.data[second]! * cos + x.data[first]! * sin
    }
  }
  return y
}

/** x [batch, tokens, heads·headDim], cos, sin [tokens, headDim]. */
export function ropeTable(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const [tokens, headDim] = cos.shape as [number, number]
  const y = tensor(x.shape)
  const width = lastAxis(x)
  for (let i = 0; i < x.data.length; i += 2) {
    const at = (Math.floor(i / width) % tokens) * headDim + (i % headDim)
    const [a, b] = [x.data[i]!, x.data[i + 1]!]
    y.data[i] = a * cos.data[at]! - b * sin.data[at]!
    y.data[i + 1] = b * cos.data[at + 1]! + a * sin.data[at + 1]!
  }
  return y
}

/** q, k, v [batch, tokens, heads·headDim]; every query sees every key of its batch element, or none behind its own place. */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, scale, causal }: AttentionAttributes,
): Tensor {
  const [batch, queries, width] = q.shape as [number, number, number]
  const keys = k.shape[1]!
  const headDim = width / heads
  const y = tensor(q.shape)
  const scores = new Float64Array(keys)
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      for (let query = 0; query < queries; query++) {
        const at = (b * queries + query) * width + head * headDim
        const seen = causal ? query + 1 : keys
        for (let key = 0; key < seen; key++) {
          scores[key] =
            scale * dot(q.data, at, k.data, (b * keys + key) * width + head * headDim, headDim)
        }
        softmaxRow(scores, 0, seen)
        for (let key = 0; key < seen; key++) {
          accumulate(
            y.data,
            at,
            v.data,
            (b * keys + key) * width + head * headDim,
            headDim,
            scores[key]!,
          )
        }
      }
    }
  }
  return y
}

export interface RelativeAttentionInputs {
  /** [batch, height·width, heads·headDim] */
  readonly q: Tensor
  readonly k: Tensor
  readonly v: Tensor
  /** [2·height − 1, headDim] */
  readonly rows: Tensor
  /** [2·width − 1, headDim] */
  readonly columns: Tensor
}

/** As the operation `relativeAttention` of the graph language. */
export function relativeAttention(
  { q, k, v, rows, columns }: RelativeAttentionInputs,
  { heads, height, width, scale }: RelativeAttentionAttributes,
): Tensor {
  const [batch, cells, channels] = q.shape as [number, number, number]
  const headDim = channels / heads
  const y = tensor(q.shape)
  const scores = new Float64Array(cells)
  const ofRow = new Float64Array(height)
  const ofColumn = new Float64Array(width)
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const place = (cell: number) => (b * cells + cell) * channels + head * headDim
      for (let query = 0; query < cells; query++) {
        const at = place(query)
        const [row, column] = [Math.floor(query / width), query % width]
        for (let other = 0; other < height; other++) {
          const table = (row - other + height - 1) * headDim
          ofRow[other] = dot(q.data, at, rows.data, table, headDim)
        }
        for (let other = 0; other < width; other++) {
          const table = (column - other + width - 1) * headDim
          ofColumn[other] = dot(q.data, at, columns.data, table, headDim)
        }
        for (let key = 0; key < cells; key++) {
          scores[key] =
            scale * dot(q.data, at, k.data, place(key), headDim) +
            ofRow[Math.floor(key / width)]! +
            ofColumn[key % width]!
        }
        softmaxRow(scores, 0, cells)
        for (let key = 0; key < cells; key++)
          accumulate(y.data, at, v.data, place(key), headDim, scores[key]!)
      }
    }
  }
  return y
}

export interface KvAttentionInputs {
  /** [1, queries, heads·headDim] */
  readonly q: Tensor
  /** [1, steps, kvHeads·headDim] */
  readonly k: Tensor
  readonly v: Tensor
  /** Of the queries, [1, queries]. */
  readonly positions: Tensor
  /** [heads] */
  readonly sinks?: Tensor | undefined
}

/** As the operation `kvAttention` of the graph language, for the one sequence of `cache`. */
export function kvAttention(
  inputs: KvAttentionInputs,
  attributes: KvAttentionAttributes,
  cache: SequenceCache,
): Tensor {
  const { q, k, v, positions, sinks } = inputs
  const { layer, heads, kvHeads, headDim, scale, window, softCap } = attributes
  const past = cache.past(layer)
  const { length } = cache
  cache.append(layer, k.data, v.data)
  const y = tensor(q.shape)
  for (const [query, position] of positions.data.entries()) {
    const first = window === undefined ? 0 : Math.max(0, position + 1 - window)
    const visible = position + 1 - first
    const scores = new Float64Array(visible + (sinks ? 1 : 0))
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads))
      const at = (query * heads + head) * headDim
      const pastAt = (key: number) => (kvHead * length + key) * headDim
      const newAt = (key: number) => ((key - length) * kvHeads + kvHead) * headDim
      for (let key = first; key <= position; key++) {
        const product =
          key < length
            ? dot(q.data, at, past.keys, pastAt(key), headDim)
            : dot(q.data, at, k.data, newAt(key), headDim)
        const score = scale * product
        scores[key - first] = softCap ? softCap * Math.tanh(score / softCap) : score
      }
      if (sinks) scores[visible] = sinks.data[head]!
      softmaxRow(scores, 0, scores.length)
      for (let key = first; key <= position; key++) {
        const weight = scores[key - first]!
        if (key < length) accumulate(y.data, at, past.values, pastAt(key), headDim, weight)
        else accumulate(y.data, at, v.data, newAt(key), headDim, weight)
      }
    }
  }
  return y
}

type Floats = Float32Array | Float64Array

function dot(a: Floats, atA: number, b: Floats, atB: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += a[atA + i]! * b[atB + i]!
  return sum
}

function accumulate(
  target: Float64Array,
  at: number,
  source: Floats,
  from: number,
  length: number,
  factor: number,
): void {
  for (let i = 0; i < length; i++) target[at + i]! += factor * source[from + i]!
}
