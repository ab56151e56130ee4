/** Adapters of a reference session: their matrices widened, and added node by node. */
import type { AdaptableLinear } from '../../../models/graph/adaptable.ts'
import type { Node } from '../../../models/graph/graph.ts'
import type { AdapterMatrices, AdapterShape, StoredMatrix } from '../../adapters/contract.ts'
import { type Dtype, toFloat32 } from '../../weights/dtype.ts'
import type { AdapterId, PreparedAdapter, PreparedBlock, PreparedPair } from '../backend.ts'
import type { KnownAdapters } from './known-adapters.ts'
import type { AddedProduct } from './reference/adapted.ts'
import { tensor } from './reference/tensor.ts'

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT
const DTYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const satisfies Record<string, Dtype>

export async function prepareReferenceAdapter(
  shapes: readonly AdapterShape[],
  matrices: AsyncIterable<AdapterMatrices>,
): Promise<PreparedAdapter> {
  const floats = shapes.reduce((sum, { rank, in: width, out }) => sum + rank * (width + out), 0)
  const memory = new Float32Array(floats)
  let at = 0
  const put = ({ type, values }: StoredMatrix): PreparedBlock => {
    const read = toFloat32(DTYPES[type], values.slice())
    memory.set(read, at)
    const place = { offset: at * FLOAT_BYTES, bytes: read.byteLength }
    at += read.length
    return place
  }
  const pairs: PreparedPair[] = []
  for await (const { linear, scale, rank, down, up } of matrices)
    pairs.push({ linear, scale, rank, down: put(down), up: put(up) })
  return { memory: new Uint8Array(memory.buffer), pairs }
}

export class ReferenceAdapters implements KnownAdapters {
  readonly #linears: readonly AdaptableLinear[]
  readonly #loaded = new Map<AdapterId, ReadonlyMap<Node, AddedProduct>>()

  constructor(linears: readonly AdaptableLinear[]) {
    this.#linears = linears
  }

  add(id: AdapterId, { memory, pairs }: PreparedAdapter): void {
    const matrix = ({ offset, bytes }: PreparedBlock, rows: number) => {
      const values = new Float32Array(memory.buffer, offset, bytes / FLOAT_BYTES)
      return tensor([rows, values.length / rows], Float64Array.from(values))
    }
    const products = pairs.map(({ linear, scale, rank, down, up }) => {
      const { node, weight, rows = [0, weight.shape[0]!] } = this.#linears[linear]!
      return [node, { scale, down: matrix(down, rank), up: matrix(up, rows[1] - rows[0]) }] as const
    })
    this.#loaded.set(id, new Map(products))
  }

  remove(id: AdapterId): void {
    this.#loaded.delete(id)
  }

  has(id: AdapterId): boolean {
    return this.#loaded.has(id)
  }

  clear(): void {
    this.#loaded.clear()
  }

  /** What the adapter adds, by `linear` of the graph. */
  products(id: AdapterId): ReadonlyMap<Node, AddedProduct> {
    return this.#loaded.get(id)!
  }
}
