/** A program while it is written: values are objects, and what nobody has read yet may still be left out. */
import { rowsName } from '../adaptable.ts'
import type { Value } from '../graph.ts'
import { productOf, type Shape } from '../shape.ts'
import type { FixedSource, FixedValues } from './fixed.ts'
import type { Instruction, InstructionAttributes, InstructionName, ProgramType } from './program.ts'
import { CannotLower } from './refusal.ts'

/** A value of the program. Compared by identity. */
export interface Cell {
  readonly shape: Shape
  readonly type: ProgramType
  readonly group?: number
  /** Whose memory it is. */
  readonly sameAs?: Cell
}

/** What a program's weight is made of. */
export interface DraftWeight {
  readonly name: string
  readonly source: FixedSource
  /** Absent for a packed linear. */
  readonly cell?: Cell
  /** [out, in] of a linear, in elements. */
  readonly shape: readonly number[]
}

export class Draft {
  readonly fixed: FixedValues
  readonly code: Instruction<Cell>[] = []
  readonly weights: DraftWeight[] = []
  readonly #cells = new Map<Value, Cell>()
  /** Values that are made where they are first read. */
  readonly #deferred = new Map<Value, () => Cell>()
  readonly #linears = new Map<string, number>()
  readonly #quantised = new Map<Cell, Map<number, Cell>>()

  constructor(fixed: FixedValues) {
    this.fixed = fixed
  }

  /** An input of the program. */
  input(value: Value): Cell {
    const cell: Cell = { shape: value.shape, type: typeOf(value) }
    this.#cells.set(value, cell)
    return cell
  }

  /** The memory of a value, which is made now if it was put off. */
  read(value: Value): Cell {
    const known = this.#cells.get(value)
    if (known) return known
    const make = this.#deferred.get(value)
    if (!make && !this.fixed.has(value)) throw new Error(`native: value ${value.id} is not made`)
    const cell = make ? make() : this.#tensor(value)
    this.#cells.set(value, cell)
    return cell
  }

  set(value: Value, cell: Cell): void {
    this.#cells.set(value, cell)
  }

  /** Puts a value off until it is read; one that something else takes the place of is never made. */
  defer(value: Value, make: () => Cell): void {
    this.#deferred.set(value, make)
  }

  /** Appends an instruction; its result has the shape, and 32-bit floats unless `type` says otherwise. */
  emit<Op extends InstructionName>(
    op: Op,
    inputs: readonly Cell[],
    shape: Shape,
    attributes: InstructionAttributes<Cell>[Op],
    { type = 'f32', group }: { type?: ProgramType; group?: number } = {},
  ): Cell {
    const out: Cell = group === undefined ? { shape, type } : { shape, type, group }
    // The compiler does not see that op and attributes vary together; the signature does.
    this.code.push({ op, in: inputs, out, ...attributes } as Instruction<Cell>)
    return out
  }

  /** The same memory in another shape. */
  reshaped(cell: Cell, shape: Shape): Cell {
    if (productOf(cell.shape) !== productOf(shape))
      throw new Error(`native: [${cell.shape.join()}] cannot be read as [${shape.join()}]`)
    return { shape, type: cell.type, sameAs: cell.sameAs ?? cell }
  }

  /** The rows of a value in 8 bits; made once for all that want the same group. */
  quantised(cell: Cell, group: number): Cell {
    const groups = this.#quantised.get(cell) ?? new Map<number, Cell>()
    this.#quantised.set(cell, groups)
    const known = groups.get(group)
    if (known) return known
    const made = this.emit('quantise', [cell], cell.shape, {}, { type: 'q8', group })
    groups.set(group, made)
    return made
  }

  /** The number of a packed linear; of one matrix, always the same. */
  linear(matrix: Value, shape: readonly [number, number]): number {
    if (!this.fixed.has(matrix))
      throw new CannotLower(`linear: the weight [${matrix.shape.join(', ')}] is computed`)
    const source = this.fixed.matrixSource(matrix)
    const name = 'weight' in source ? rowsName(source) : `value.${this.weights.length}`
    const key = `${name} ${shape.join()}`
    const known = this.#linears.get(key)
    if (known !== undefined) return known
    const number = this.weights.length
    this.weights.push({ name, source, shape })
    this.#linears.set(key, number)
    return number
  }

  #tensor(value: Value): Cell {
    const source = this.fixed.source(value)
    const cell: Cell = { shape: value.shape, type: typeOf(value) }
    const name = 'weight' in source ? source.weight.name : `value.${this.weights.length}`
    this.weights.push({ name, source, cell, shape: value.shape as readonly number[] })
    return cell
  }
}

export function typeOf({ type }: Value): 'f32' | 'i32' {
  return type === 'int32' ? 'i32' : 'f32'
}

/** Whose memory a cell is. */
export function memoryOf(cell: Cell): Cell {
  return cell.sameAs ?? cell
}

/** Operations that are done for what they leave to later runs, also when nothing reads their result. */
export const LEAVES_SOMETHING: ReadonlySet<string> = new Set([
  'kvAttention',
  'causalConv1d',
  'selectiveScan',
])

/** Every cell that an instruction reads. */
export function readBy(instruction: Instruction<Cell>): Cell[] {
  if (instruction.op === 'kvAttention' && instruction.sinks)
    return [...instruction.in, instruction.sinks]
  if (instruction.op !== 'linear') return [...instruction.in]
  const { bias, multiply, residual, floats } = instruction
  return [...instruction.in, bias, multiply, residual, floats].filter((cell) => cell !== undefined)
}
