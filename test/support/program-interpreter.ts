/**
 * Runs programs of the native runtime in plain TypeScript, slowly and strictly: a value that is read must be what its slot
 * holds. So the lowering is tested without the runtime.
 */
import type {
  Activation,
  Instruction,
  InstructionOf,
  Place,
  Program,
} from '../../models/graph/native/program.ts'
import { resolveShape } from '../../models/graph/shape.ts'
import {
  attention,
  kvAttention,
  linear,
  rope,
  ropeTable,
} from '../../src/engine/backends/reference/attention.ts'
import {
  add,
  div,
  gelu,
  layerNorm,
  mul,
  relu,
  rmsNorm,
  silu,
  softmax,
  sub,
} from '../../src/engine/backends/reference/element-wise.ts'
import {
  concat,
  expand,
  gather,
  slice,
  transpose,
} from '../../src/engine/backends/reference/layout.ts'
import { conv2d } from '../../src/engine/backends/reference/picture.ts'
import {
  causalConv1d,
  type SequenceStates,
  selectiveScan,
} from '../../src/engine/backends/reference/recurrent.ts'
import {
  lastAxis,
  sizeOf,
  type Tensor,
  tensor,
} from '../../src/engine/backends/reference/tensor.ts'

/** Keys and values of a sequence by layer, `[positions, kvHeads · headDim]`. */
export class ProgramSequence {
  readonly layers = new Map<number, { readonly keys: number[]; readonly values: number[] }>()
  readonly states = new Map<number, Float64Array>()
  length = 0
}

export interface ProgramRun {
  readonly dims: ReadonlyMap<string, number>
  /** In the program's order. */
  readonly inputs: readonly Tensor[]
  /** In the program's order; a linear's is its matrix [out, in]. */
  readonly weights: readonly Tensor[]
  /** The program's tokens by sequence; lengths are those before the run and grow by it. */
  readonly rows?: readonly { readonly sequence: ProgramSequence; readonly count: number }[]
}

/** Every output by name. Throws where a value is read that is not there. */
export function runProgram(program: Program, run: ProgramRun): Map<string, Tensor> {
  const machine = new Machine(program, run)
  for (const instruction of program.code) machine.step(instruction)
  for (const { sequence, count } of run.rows ?? []) sequence.length += count
  return new Map(program.outputs.map(({ name, value }) => [name, machine.read(value)]))
}

class Machine {
  readonly #program: Program
  readonly #run: ProgramRun
  /** By slot: which value it holds. */
  readonly #slots: { place: Place; value: Tensor }[] = []
  readonly #outside = new Map<Place, Tensor>()

  constructor(program: Program, run: ProgramRun) {
    this.#program = program
    this.#run = run
    for (const [i, { value }] of program.inputs.entries()) this.#outside.set(value, run.inputs[i]!)
    for (const [i, weight] of program.weights.entries())
      if (weight.kind === 'tensor') this.#outside.set(weight.value, run.weights[i]!)
  }

  read(place: Place): Tensor {
    const { slot, sameAs = place, shape } = this.#program.values[place]!
    const held = slot < 0 ? this.#outside.get(sameAs) : this.#held(sameAs, slot)
    if (!held) throw new Error(`value ${place} is read before it is there`)
    return tensor(resolveShape(shape, this.#run.dims), held.data)
  }

  step(instruction: Instruction): void {
    const { slot, shape } = this.#program.values[instruction.out]!
    const reads = [...instruction.in, ...extras(instruction)]
    const shared = reads.find((place) => slot >= 0 && this.#program.values[place]!.slot === slot)
    if (shared !== undefined) throw new Error(`${instruction.op} writes over value ${shared}`)
    const value = this.#compute(instruction)
    const expected = resolveShape(shape, this.#run.dims)
    if (expected.join() !== value.shape.join())
      throw new Error(`${instruction.op} gives [${value.shape.join()}], not [${expected.join()}]`)
    if (slot < 0) this.#outside.set(instruction.out, value)
    else this.#slots[slot] = { place: instruction.out, value }
  }

  #held(place: Place, slot: number): Tensor | undefined {
    const held = this.#slots[slot]
    if (held && held.place !== place)
      throw new Error(`slot ${slot} holds value ${held.place}, not ${place}`)
    return held?.value
  }

  #compute(instruction: Instruction): Tensor {
    const [x, y, z, last] = instruction.in.map((place) => this.read(place)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor | undefined,
    ]
    const { shape, group } = this.#program.values[instruction.out]!
    const dims = () => resolveShape(shape, this.#run.dims)
    switch (instruction.op) {
      case 'quantise':
        return quantised(x, group || lastAxis(x))
      case 'linear':
        return this.#linear(instruction, x)
      case 'layerNorm':
        return layerNorm(x, y, z, instruction)
      case 'rmsNorm':
        return rmsNorm(x, y, instruction)
      case 'rope':
        return rope(x, y, instruction)
      case 'ropeTable':
        return ropeTable(x, y, z)
      case 'attention':
        return attention(x, y, z, instruction)
      case 'kvAttention':
        return this.#kvAttention(instruction, { q: x, k: y, v: z, queryTokens: last })
      case 'causalConv1d':
      case 'selectiveScan':
        return this.#recurrent(instruction)
      case 'unary':
        return activate(x, instruction.kind)
      case 'binary':
        return { add, sub, mul, div }[instruction.kind](x, y)
      case 'softmax':
        return softmax(x)
      case 'gatherRows':
        return gather(x, y, 0)
      case 'concat':
        return concat(
          instruction.in.map((place) => this.read(place)),
          instruction.axis,
        )
      case 'slice':
        return slice(x, instruction.axis, instruction.start, instruction.end)
      case 'padEnd':
        return concat(
          [x, tensor(x.shape.with(instruction.axis, instruction.count))],
          instruction.axis,
        )
      case 'transpose':
        return transpose(x, instruction.permutation)
      case 'expand':
        return expand(x, dims()[0]!)
      case 'copy':
        return tensor(dims(), x.data.slice())
      case 'unfold':
        return unfold(x, instruction)
      case 'depthwiseConv2d':
        return depthwiseConv2d(
          instruction.in.map((place) => this.read(place)),
          instruction,
        )
    }
  }

  #linear(
    { linear: number, bias, activation, multiply, residual }: InstructionOf<'linear'>,
    x: Tensor,
  ): Tensor {
    const offset = bias === undefined ? undefined : this.read(bias)
    let y = linear(x, this.#run.weights[number]!, offset)
    if (activation) y = activate(y, activation)
    if (multiply !== undefined) y = mul(y, this.read(multiply))
    return residual === undefined ? y : add(y, this.read(residual))
  }

  #recurrent(instruction: InstructionOf<'causalConv1d' | 'selectiveScan'>): Tensor {
    const read = instruction.in.map((place) => this.read(place))
    const [x] = read as [Tensor]
    const y = tensor(x.shape)
    let first = 0
    for (const { sequence, count } of this.#run.rows ?? []) {
      const part = (t: Tensor, i: number): Tensor => {
        if (!BY_TOKEN[instruction.op].includes(i)) return t
        const width = lastAxis(t)
        return tensor([1, count, width], t.data.slice(first * width, (first + count) * width))
      }
      const states = {
        before: (recurrence: number) => sequence.states.get(recurrence),
        keep: (recurrence: number, state: Float64Array) => {
          sequence.states.set(recurrence, state)
        },
      }
      y.data.set(recur(instruction, read.map(part), states).data, first * lastAxis(x))
      first += count
    }
    return y
  }

  #kvAttention(
    instruction: InstructionOf<'kvAttention'>,
    { q, k, v, queryTokens }: { q: Tensor; k: Tensor; v: Tensor; queryTokens: Tensor | undefined },
  ): Tensor {
    const { layer, heads, kvHeads, headDim } = instruction
    const [queryWidth, width] = [heads * headDim, kvHeads * headDim]
    const asking = queryTokens ? [...queryTokens.data] : [...q.data.keys()].slice(0, q.shape[0])
    const y = tensor(q.shape)
    let first = 0
    for (const { sequence, count } of this.#run.rows ?? []) {
      const part = ({ data }: Tensor) => data.subarray(first * width, (first + count) * width)
      const held = sequence.layers.get(layer) ?? { keys: [], values: [] }
      sequence.layers.set(layer, held)
      const { length } = sequence
      const past = {
        keys: byHead(held.keys, length, kvHeads, headDim),
        values: byHead(held.values, length, kvHeads, headDim),
      }
      for (const [query, token] of asking.entries()) {
        if (token < first || token >= first + count) continue
        const inputs = {
          q: tensor([1, 1, queryWidth], q.data.slice(query * queryWidth, (query + 1) * queryWidth)),
          k: tensor([1, count, width], part(k)),
          v: tensor([1, count, width], part(v)),
          positions: tensor([1, 1], Float64Array.of(length + token - first)),
          sinks: instruction.sinks === undefined ? undefined : this.read(instruction.sinks),
        }
        const cache = { length, past: () => past, append: () => {} }
        y.data.set(kvAttention(inputs, instruction, cache).data, query * queryWidth)
      }
      held.keys.push(...part(k))
      held.values.push(...part(v))
      first += count
    }
    return y
  }
}

/** Which inputs have a row for each token. */
const BY_TOKEN = { causalConv1d: [0], selectiveScan: [0, 1, 3, 4, 6] }

function recur(
  instruction: InstructionOf<'causalConv1d' | 'selectiveScan'>,
  inputs: readonly (Tensor | undefined)[],
  states: SequenceStates,
): Tensor {
  const [x, y, a, b, c, d, z] = inputs
  if (instruction.op === 'causalConv1d')
    return causalConv1d({ x: x!, weight: y!, bias: a }, instruction, states)
  return selectiveScan({ x: x!, dt: y!, a: a!, b: b!, c: c!, d: d!, z }, instruction, states)
}

function extras(instruction: Instruction): Place[] {
  if (instruction.op === 'kvAttention')
    return instruction.sinks === undefined ? [] : [instruction.sinks]
  if (instruction.op !== 'linear') return []
  const { bias, multiply, residual } = instruction
  return [bias, multiply, residual].filter((place) => place !== undefined)
}

/** [positions, heads · width] → [heads, positions, width] */
function byHead(
  rows: readonly number[],
  length: number,
  heads: number,
  width: number,
): Float32Array {
  const apart = tensor([length, heads, width], Float64Array.from(rows))
  return Float32Array.from(transpose(apart, [1, 0, 2]).data)
}

function activate(x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case 'silu':
      return silu(x)
    case 'relu':
      return relu(x)
    case 'relu2':
      return mul(relu(x), relu(x))
    case 'gelu_erf':
      return gelu(x, 'erf')
    case 'gelu_tanh':
      return gelu(x, 'tanh')
    case 'gelu_quick':
      return gelu(x, 'quick')
  }
}

/** x as 8 bits a value would give it back. */
function quantised(x: Tensor, group: number): Tensor {
  const y = tensor(x.shape)
  for (let start = 0; start < x.data.length; start += group) {
    const part = x.data.subarray(start, start + group)
    const scale = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
    for (const [i, value] of part.entries())
      y.data[start + i] = scale === 0 ? 0 : Math.round(value / scale) * scale
  }
  return y
}

function depthwiseConv2d(operands: readonly Tensor[], { padding }: { padding: number }): Tensor {
  const [x, weight, bias] = operands as [Tensor, Tensor, Tensor | undefined]
  const groups = lastAxis(x)
  const [height, width] = weight.shape as [number, number]
  const kernels = tensor([groups, 1, height, width], transpose(weight, [2, 0, 1]).data)
  const y = conv2d(transpose(x, [0, 3, 1, 2]), kernels, bias, { stride: 1, padding, groups })
  return transpose(y, [0, 2, 3, 1])
}

function unfold(x: Tensor, { height, width }: { height: number; width: number }): Tensor {
  const [n, channels, h, w] = x.shape as [number, number, number, number]
  const [rows, columns] = [Math.floor(h / height), Math.floor(w / width)]
  const whole = slice(slice(x, 2, 0, rows * height), 3, 0, columns * width)
  const apart = tensor([n, channels, rows, height, columns, width], whole.data)
  const moved = transpose(apart, [0, 2, 4, 1, 3, 5])
  const shape = [n, rows, columns, channels * height * width]
  if (sizeOf(shape) !== moved.data.length) throw new Error('unfold')
  return tensor(shape, moved.data)
}
