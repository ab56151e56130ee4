/**
 * Transposes and reshapes between them, followed without moving anything: a value is its source with its axes in another
 * order, neighbours perhaps taken together. Two transposes become one, and one that undoes the other none.
 */
import type { Value } from '../graph.ts'
import { productOf, type Shape } from '../shape.ts'
import type { Cell, Draft } from './draft.ts'

export interface Movement {
  readonly source: Cell
  /** Axes of the source that make up each axis of the value. */
  readonly axes: readonly (readonly number[])[]
}

export class Movements {
  readonly #draft: Draft
  readonly #of = new Map<Value, Movement>()

  constructor(draft: Draft) {
    this.#draft = draft
  }

  transpose(x: Value, permutation: readonly number[], output: Value): void {
    const { source, axes } = this.#of.get(x) ?? this.#start(this.#draft.read(x))
    this.put(output, { source, axes: permutation.map((axis) => axes[axis]!) })
  }

  /** `x` with its axes in this order. */
  read(x: Value, permutation: readonly number[]): Cell {
    const { source, axes } = this.#of.get(x) ?? this.#start(this.#draft.read(x))
    const shape = permutation.map((axis) => x.shape[axis]!)
    return this.#make({ source, axes: permutation.map((axis) => axes[axis]!) }, shape)
  }

  reshape(x: Value, output: Value): void {
    const movement = this.#of.get(x)
    const joined = movement && joinedAxes(movement, output.shape)
    if (joined) this.put(output, { source: movement.source, axes: joined })
    else this.#draft.set(output, this.#draft.reshaped(this.#draft.read(x), output.shape))
  }

  /** `output` is `source` with its axes in this order. */
  put(output: Value, movement: Movement): void {
    this.#of.set(output, movement)
    this.#draft.defer(output, () => this.#make(movement, output.shape))
  }

  #start(source: Cell): Movement {
    return { source, axes: source.shape.map((_, axis) => [axis]) }
  }

  #make({ source, axes }: Movement, shape: Shape): Cell {
    const permutation = axes.flat()
    if (isInOrder(permutation, source.shape)) return this.#draft.reshaped(source, shape)
    const moved = permutation.map((axis) => source.shape[axis]!)
    const cell = this.#draft.emit('transpose', [source], moved, { permutation }, source)
    return moved.join() === shape.join() ? cell : this.#draft.reshaped(cell, shape)
  }
}

/** The axes behind a reshape that only takes neighbours together; undefined for another one. */
function joinedAxes({ source, axes }: Movement, shape: Shape): Movement['axes'] | undefined {
  const joined: number[][] = []
  let next = 0
  for (const dim of shape) {
    const axis = [...(axes[next++] ?? [])]
    const size = () => productOf(axis.map((a) => source.shape[a]!))
    while (size() !== dim && next < axes.length) axis.push(...axes[next++]!)
    if (size() !== dim) return undefined
    joined.push(axis)
  }
  // What is left over is of size 1, and may go with the last axis.
  joined.at(-1)?.push(...axes.slice(next).flat())
  return joined
}

/** Whether the elements lie as they did: axes of size 1 may be anywhere. */
function isInOrder(permutation: readonly number[], shape: Shape): boolean {
  const long = permutation.filter((axis) => shape[axis] !== 1)
  return long.every((axis, i) => i === 0 || axis > long[i - 1]!)
}
