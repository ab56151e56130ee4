/** The recurrent states of a reference session, as 64-bit floats. */
import type { SequenceStates } from './reference/recurrent.ts'
import { type StateSlots, StateTable } from './state-table.ts'

export class ReferenceStateTable extends StateTable {
  /** By slot, the states of each recurrence. */
  readonly #values = new Map<number, Map<number, Float64Array>>()

  /** What a run reads and leaves between these slots. */
  view({ from, to }: StateSlots): SequenceStates {
    const before = this.#values.get(from)
    const behind = new Map<number, Float64Array>()
    this.#values.set(to, behind)
    return {
      before: (recurrence) => before?.get(recurrence),
      keep: (recurrence, state) => {
        behind.set(recurrence, state)
      },
    }
  }

  override clear(): void {
    super.clear()
    this.#values.clear()
  }
}
