/** Operations that carry a state from step to step of a sequence. Hot loops index with `!`. */
import type { CausalConvAttributes, RecurrentAttributes } from '../../../../models/graph/ops.ts'
import { type Tensor, tensor } from './tensor.ts'

/** The recurrent states of the one sequence that a run computes. */
export interface SequenceStates {
  /** Before the run; undefined at the start of the sequence. */
  before(recurrence: number): Float64Array | undefined
  /** Takes what the run leaves. */
  keep(recurrence: number, state: Float64Array): void
}

export interface CausalConvInputs {
  /** [1, steps, channels] */
  readonly x: Tensor
  /** [kernel, channels] */
  readonly weight: Tensor
  /** [channels] */
  readonly bias: Tensor | undefined
}

/** As the operation of the graph language; the state is what was read last, [kernel − 1, channels]. */
export function causalConv1d(
  { x, weight, bias }: CausalConvInputs,
  { recurrence, activation }: CausalConvAttributes,
  states: SequenceStates | undefined,
): Tensor {
  const held = required('causalConv1d', x, states)
  const [kernel, channels] = weight.shape as [number, number]
  const steps = x.data.length / channels
  const before = kernel - 1
  const read = new Float64Array((before + steps) * channels)
  read.set(held.before(recurrence) ?? [])
  read.set(x.data, before * channels)
  const y = tensor(x.shape)
  for (let i = 0; i < y.data.length; i++) {
    let sum = bias ? bias.data[i % channels]! : 0
    for (let j = 0; j < kernel; j++)
      sum += weight.data[j * channels + (i % channels)]! * read[j * channels + i]!
    y.data[i] = activation === 'silu' ? silu(sum) : sum
  }
  held.keep(recurrence, read.slice(steps * channels))
  return y
}

export interface SelectiveScanInputs {
  /** [1, steps, channels] */
  readonly x: Tensor
  readonly dt: Tensor
  /** [state, channels] */
  readonly a: Tensor
  /** [1, steps, state] */
  readonly b: Tensor
  readonly c: Tensor
  /** [channels] */
  readonly d: Tensor
  /** [1, steps, channels] */
  readonly z: Tensor | undefined
}

/** As the operation of the graph language; the state is [state, channels]. */
export function selectiveScan(
  { x, dt, a, b, c, d, z }: SelectiveScanInputs,
  { recurrence }: RecurrentAttributes,
  states: SequenceStates | undefined,
): Tensor {
  const held = required('selectiveScan', x, states)
  const [size, channels] = a.shape as [number, number]
  const state = held.before(recurrence)?.slice() ?? new Float64Array(size * channels)
  const y = tensor(x.shape)
  for (let i = 0; i < y.data.length; i++) {
    const [step, channel] = [Math.floor(i / channels), i % channels]
    const delta = softplus(dt.data[i]!)
    let sum = d.data[channel]! * x.data[i]!
    for (let n = 0; n < size; n++) {
      const at = n * channels + channel
      state[at] =
        Math.exp(delta * a.data[at]!) * state[at]! + delta * x.data[i]! * b.data[step * size + n]!
      sum += state[at]! * c.data[step * size + n]!
    }
    y.data[i] = z ? sum * silu(z.data[i]!) : sum
  }
  held.keep(recurrence, state)
  return y
}

function required(op: string, x: Tensor, states: SequenceStates | undefined): SequenceStates {
  if (!states) throw new Error(`${op} needs the states of a sequence`)
  if (x.shape[0] !== 1) throw new Error(`${op} of ${x.shape[0]} sequences at once`)
  return states
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x))
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}
