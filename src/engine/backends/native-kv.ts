/** The KV cache of a native session: block tables here, keys and values in the runtime. */
import type { KvGeometry } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import { blocksIn, KvTable } from './kv-table.ts'
import type { NativeAddon, NativeKv } from './native-addon.ts'

export interface NativeKvOptions {
  readonly geometry: KvGeometry
  readonly blockSize: number
  /** Bytes of all blocks together; rounded down to whole blocks. */
  readonly bytes: number
}

export class NativeKvTable extends KvTable {
  readonly store: NativeKv

  /** Throws `invalid_config` when not one block fits, or for blocks or heads that the runtime does not take. */
  constructor(addon: NativeAddon, { geometry, blockSize, bytes }: NativeKvOptions) {
    const { layers, kvHeads, headDim } = geometry
    const positionBytes = 2 * layers * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT
    const blocks = blocksIn(bytes, positionBytes * blockSize)
    super(blocks, blockSize)
    try {
      this.store = addon.createKv({ ...geometry, blockSize, blocks, type: 'f32' })
    } catch (cause) {
      throw new AerieError('invalid_config', `native KV cache: ${(cause as Error).message}`, {
        cause,
      })
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
