/** The KV cache of a native session: block tables here, keys and values in the runtime. */
import type { KvGeometry } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import type { KvCacheType } from '../backend.ts'
import { blocksIn, KvTable } from './kv-table.ts'
import type { NativeAddon, NativeKv } from './native-addon.ts'

export interface NativeKvOptions {
  readonly geometry: KvGeometry
  readonly blockSize: number
  readonly type: KvCacheType
  /** Bytes of all blocks together; rounded down to whole blocks. */
  readonly bytes: number
}

/** Of one number. */
const ELEMENT_BYTES: Readonly<Record<KvCacheType, number>> = { f32: 4, f16: 2, int8: 1 }
const SCALE_BYTES = 4

/** Bytes of a position's keys and values in all layers. */
export function kvPositionBytes(
  { layers, kvHeads, headDim }: KvGeometry,
  type: KvCacheType,
): number {
  const vector = headDim * ELEMENT_BYTES[type] + (type === 'int8' ? SCALE_BYTES : 0)
  return 2 * layers * kvHeads * vector
}

export class NativeKvTable extends KvTable {
  readonly store: NativeKv

  /** Throws `invalid_config` when not one block fits, or for blocks or heads that the runtime does not take. */
  constructor(addon: NativeAddon, { geometry, blockSize, type, bytes }: NativeKvOptions) {
    const blocks = blocksIn(bytes, kvPositionBytes(geometry, type) * blockSize)
    super(blocks, blockSize)
    try {
      this.store = addon.createKv({ ...geometry, blockSize, blocks, type })
    } catch (cause) {
      const { layers, kvHeads, headDim } = geometry
      const what = `kvBlockSize ${blockSize}, ${layers} layers of ${kvHeads} heads of size ${headDim}, type ${type}`
      throw new AerieError(
        'invalid_config',
        `native KV cache (${what}): ${(cause as Error).message}`,
        { cause },
      )
    }
  }

  /** Forgets every sequence and gives the memory back. */
  override clear(): void {
    super.clear()
    this.store.clear()
  }

  protected override copyBlock(from: number, to: number): void {
    this.store.copyBlock(from, to)
  }
}
