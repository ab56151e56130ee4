/** The recurrent states of a native session: bookkeeping here, values in the runtime. */
import { AerieError } from '../../errors.ts'
import type { NativeAddon, NativeStates } from './native-addon.ts'
import { StateTable } from './state-table.ts'

export interface NativeStateOptions {
  /** Floats of each recurrence's state. */
  readonly sizes: readonly number[]
  /** Bytes of all slots together; rounded down to whole ones. */
  readonly bytes: number
  readonly snapshotEvery: number
}

export class NativeStateTable extends StateTable {
  readonly store: NativeStates

  /** Throws `invalid_config` when there is no room for a sequence, whose state takes two slots while it runs. */
  constructor(addon: NativeAddon, { sizes, bytes, snapshotEvery }: NativeStateOptions) {
    const stateBytes = sizes.reduce((sum, size) => sum + size, 0) * Float32Array.BYTES_PER_ELEMENT
    const slots = Math.floor(bytes / stateBytes)
    if (slots < 2)
      throw new AerieError(
        'invalid_config',
        `${bytes} bytes for recurrent states do not hold two of ${stateBytes} bytes`,
      )
    super({ slots, snapshotEvery })
    this.store = addon.createStates({ sizes, slots })
  }

  /** Forgets every sequence and gives the memory back. */
  override clear(): void {
    super.clear()
    this.store.clear()
  }
}
