/** Numbers what a draft holds, and gives every result its memory. */
import { type Cell, type Draft, LEAVES_SOMETHING, memoryOf, readBy } from './draft.ts'
import type { NativeWeight } from './lower.ts'
import type { Instruction, Program, ProgramValue } from './program.ts'
import { assignSlots } from './slots.ts'

interface NamedCell {
  readonly name: string
  readonly cell: Cell
}

/** The program that makes `results` of `inputs`; what neither they nor the cache need is left out. */
export function finish(
  name: string,
  draft: Draft,
  inputs: readonly NamedCell[],
  results: readonly NamedCell[],
): { readonly program: Program; readonly weights: readonly NativeWeight[] } {
  const outputs = ownMemory(draft, results)
  const code = needed(draft.code, outputs)
  const read = new Set(code.flatMap(readBy).map(memoryOf))
  const outside = new Set(outputs.map(({ cell }) => cell).filter((cell) => !read.has(cell)))
  const kept = new Set(outputs.map(({ cell }) => cell))
  const slots = assignSlots(code, { kept, outside })

  const used = new Set(
    code.flatMap((instruction) => (instruction.op === 'linear' ? [instruction.linear] : [])),
  )
  const weights = draft.weights.filter(({ cell }, i) => (cell ? read.has(cell) : used.has(i)))
  const numberOf = new Map(weights.map((weight, i) => [draft.weights.indexOf(weight), i]))

  const cells = [
    ...inputs.map(({ cell }) => cell),
    ...weights.flatMap(({ cell }) => cell ?? []),
    ...code.flatMap((instruction) => [...readBy(instruction), instruction.out]),
  ]
  const all = new Set(cells.flatMap((cell) => [memoryOf(cell), cell]))
  const places = new Map([...all].map((cell, i) => [cell, i]))
  const place = (cell: Cell) => places.get(cell)!
  return {
    program: {
      name,
      values: [...all].map((cell): ProgramValue => {
        const { shape, type, group, sameAs } = cell
        return {
          shape,
          type,
          ...(group !== undefined && { group }),
          slot: slots.of.get(memoryOf(cell)) ?? -1,
          ...(sameAs && { sameAs: place(sameAs) }),
        }
      }),
      inputs: inputs.map(({ name, cell }) => ({ name, value: place(cell) })),
      outputs: outputs.map(({ name, cell }) => ({ name, value: place(cell) })),
      weights: weights.map(({ name, cell }) =>
        cell ? { name, kind: 'tensor', value: place(cell) } : { name, kind: 'linear' },
      ),
      slots: slots.count,
      code: code.map((instruction) => numbered(instruction, place, numberOf)),
    },
    weights: weights.map(({ name, source, shape }) => ({ name, source, shape })),
  }
}

/** Every output in memory that is its own: not an input's, a weight's or another output's. */
function ownMemory(draft: Draft, results: readonly NamedCell[]): NamedCell[] {
  const made = new Set(draft.code.map(({ out }) => out))
  const taken = new Set<Cell>()
  return results.map(({ name, cell }) => {
    const memory = memoryOf(cell)
    const isOwn = made.has(memory) && !taken.has(memory)
    const own = isOwn ? memory : draft.emit('copy', [cell], cell.shape, {}, { type: cell.type })
    taken.add(own)
    return { name, cell: own }
  })
}

function needed(
  code: readonly Instruction<Cell>[],
  outputs: readonly NamedCell[],
): Instruction<Cell>[] {
  const wanted = new Set(outputs.map(({ cell }) => cell))
  const kept: Instruction<Cell>[] = []
  for (const instruction of code.toReversed()) {
    if (!LEAVES_SOMETHING.has(instruction.op) && !wanted.has(instruction.out)) continue
    kept.push(instruction)
    for (const cell of readBy(instruction)) wanted.add(memoryOf(cell))
  }
  return kept.reverse()
}

function numbered(
  instruction: Instruction<Cell>,
  place: (cell: Cell) => number,
  numberOf: ReadonlyMap<number, number>,
): Instruction {
  const base = { in: instruction.in.map(place), out: place(instruction.out) }
  if (instruction.op === 'kvAttention') {
    const { sinks, ...attributes } = instruction
    return { ...attributes, ...base, ...(sinks && { sinks: place(sinks) }) }
  }
  if (instruction.op !== 'linear') return { ...instruction, ...base } as Instruction
  const { op, activation, bias, multiply, residual, adapter, floats } = instruction
  return {
    op,
    ...base,
    linear: numberOf.get(instruction.linear)!,
    ...(bias && { bias: place(bias) }),
    ...(activation && { activation }),
    ...(multiply && { multiply: place(multiply) }),
    ...(residual && { residual: place(residual) }),
    ...(adapter !== undefined && { adapter }),
    ...(floats && { floats: place(floats) }),
  }
}
