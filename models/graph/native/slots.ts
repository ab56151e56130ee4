/** Which values may lie in the same memory, one after the other. */
import { productOf } from '../shape.ts'
import { type Cell, memoryOf, readBy } from './draft.ts'
import type { Instruction } from './program.ts'

export interface Slots {
  /** Of whatever an instruction makes; of nothing else. */
  readonly of: ReadonlyMap<Cell, number>
  readonly count: number
}

/**
 * Goes down the code and gives every result a slot that nothing needs any more, one that held a value of the same size where
 * there is one. `kept` are values that are needed to the end, and `outside` those that lie elsewhere.
 */
export function assignSlots(
  code: readonly Instruction<Cell>[],
  { kept, outside }: { kept: ReadonlySet<Cell>; outside: ReadonlySet<Cell> },
): Slots {
  const lastRead = new Map<Cell, number>()
  for (const [i, instruction] of code.entries()) {
    lastRead.set(instruction.out, i)
    for (const cell of readBy(instruction)) lastRead.set(memoryOf(cell), i)
  }
  const slots = new Map<Cell, number>()
  const sizes: string[] = []
  const free = new Set<number>()
  for (const [i, instruction] of code.entries()) {
    const { out } = instruction
    if (!outside.has(out)) {
      const size = sizeOf(out)
      const slot = choose(free, sizes, size) ?? sizes.length
      free.delete(slot)
      sizes[slot] = size
      slots.set(out, slot)
    }
    // Behind the choice: a result shares no memory with what it is made of.
    for (const cell of new Set([out, ...readBy(instruction).map(memoryOf)])) {
      const slot = slots.get(cell)
      if (slot !== undefined && lastRead.get(cell) === i && !kept.has(cell)) free.add(slot)
    }
  }
  return { of: slots, count: sizes.length }
}

function choose(
  free: ReadonlySet<number>,
  sizes: readonly string[],
  size: string,
): number | undefined {
  for (const slot of free) if (sizes[slot] === size) return slot
  const [any] = free
  return any
}

function sizeOf({ shape, type, group }: Cell): string {
  return `${productOf(shape)} ${type} ${group ?? ''}`
}
