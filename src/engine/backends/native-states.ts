/** The recurrent states of a native session: bookkeeping here, values in the runtime. */
import type { NativeAddon, NativeStates } from './native-addon.ts'
import { StateTable } from './state-table.ts'

export interface NativeStateOptions {
  /** Floats of each recurrence's state. */
  readonly sizes: readonly number[]
  readonly slots: number
  readonly keptEvery: number
}

export class NativeStateTable extends StateTable {
  readonly store: NativeStates

  constructor(addon: NativeAddon, { sizes, slots, keptEvery }: NativeStateOptions) {
    super({ slots, keptEvery })
    this.store = addon.createStates({ sizes, slots })
  }

  /** Forgets every sequence and gives the memory back. */
  override clear(): void {
    super.clear()
    this.store.clear()
  }
}
