/** Small whole arguments of every function of the addon, which tests damage. */
import { addon, numbers } from './native-programs.ts'

const f32 = (shape: readonly (string | number)[], slot = -1) => ({ shape, type: 'f32', slot })

/** A small decoder layer with every kind of operand. */
export const LAYER = {
  name: 'layer',
  slots: 6,
  values: [
    f32(['tokens', 16]),
    { shape: ['tokens'], type: 'i32', slot: -1 },
    { shape: ['wanted'], type: 'i32', slot: -1 },
    f32([16]),
    f32(['tokens', 16], 0),
    { shape: ['tokens', 16], type: 'q8', group: 16, slot: 1 },
    f32(['tokens', 16], 2),
    f32(['tokens', 16], 3),
    f32(['wanted', 16], 4),
    f32(['wanted', 16], 5),
    { ...f32(['16*wanted']), sameAs: 9 },
    f32(['16*wanted']),
    f32(['2*tokens', 8], 0),
    f32(['tokens', 16], 1),
  ],
  inputs: [
    { name: 'x', value: 0 },
    { name: 'positions', value: 1 },
    { name: 'wanted', value: 2 },
  ],
  outputs: [{ name: 'y', value: 11 }],
  weights: [
    { name: 'norm', kind: 'tensor', value: 3 },
    { name: 'w', kind: 'linear' },
  ],
  code: [
    { op: 'rmsNorm', in: [0, 3], out: 4, epsilon: 1e-5, weightOffset: 0 },
    { op: 'quantise', in: [4], out: 5 },
    {
      ...{ op: 'linear', in: [5], out: 6, linear: 1, activation: 'silu', multiply: 0, residual: 4 },
      ...{ adapter: 0, floats: 4 },
    },
    {
      op: 'rope',
      in: [6, 1],
      out: 7,
      heads: 4,
      headDim: 4,
      inverseFrequencies: [1, 0.1],
      style: 'half',
      magnitude: 1,
    },
    { op: 'gatherRows', in: [7, 2], out: 8 },
    {
      op: 'kvAttention',
      in: [8, 7, 6, 2],
      out: 9,
      layer: 0,
      heads: 4,
      kvHeads: 4,
      headDim: 4,
      scale: 0.5,
      window: 3,
    },
    { op: 'unary', kind: 'gelu_erf', in: [10], out: 11 },
    { op: 'transpose', permutation: [0, 1], in: [7], out: 13 },
    { op: 'copy', in: [13], out: 12 },
  ],
}

export const KV = { layers: 1, kvHeads: 4, headDim: 4, blockSize: 4, blocks: 8, type: 'f32' }

export const WEIGHT = {
  bits: 8,
  group: 16,
  isSigned: false,
  shape: [16, 16],
  values: new Uint8Array(256).fill(130),
  scales: new Float32Array(16).fill(0.1),
  zeroPoints: new Uint8Array(16).fill(128),
  lowRank: { rank: 2, down: new Float32Array(32), up: new Float32Array(32) },
}

/** Two rows of two blocks each. */
export const BLOCKS = { type: 'Q6_K', shape: [2, 512], values: new Uint8Array(4 * 210).fill(17) }

/** Of rank 2, for the linear of {@link LAYER}. */
export function adapterParts(out = 16, width = 16, seed = 5) {
  const pool = addon().createPool(1)
  const pack = (rows: number, columns: number, from: number) =>
    addon().packLinear(pool, {
      type: 'f32',
      shape: [rows, columns],
      values: new Uint8Array(numbers(from, rows * columns).buffer),
    })
  const [down, up] = [pack(2, width, seed), pack(out, 2, seed + 1)]
  const memory = addon().allocate(down.length + up.length)
  memory.set(down)
  memory.set(up, down.length)
  const places = {
    down: { offset: 0, bytes: down.length },
    up: { offset: down.length, bytes: up.length },
  }
  return { memory, pairs: [{ linear: 0, scale: 0.5, ...places }] }
}

export function adapter() {
  const { memory, pairs } = adapterParts()
  return addon().createAdapter(memory, pairs)
}

export function run() {
  return {
    dims: { tokens: 3, wanted: 2 },
    inputs: [numbers(1, 48), new Int32Array([0, 1, 2]), new Int32Array([0, 2])],
    outputs: [new Float32Array(32)],
    kv: addon().createKv(KV as Parameters<ReturnType<typeof addon>['createKv']>[0]),
    rows: new Int32Array([0, 2, 3, 0, 2, 1, 0, 2]),
    tables: new Int32Array([7, 1, 3]),
    adapters: [adapter()],
    adapterRows: { tokens: new Int32Array([1, 2]) },
    profile: true,
  }
}

/** Two recurrences, one behind the other. */
export const RECURRENT = {
  name: 'recurrent',
  slots: 2,
  values: [
    f32(['tokens', 16]),
    f32([4, 16]),
    f32(['tokens', 16], 0),
    f32([2, 16]),
    f32(['tokens', 2]),
    f32([16]),
    f32(['tokens', 16], 1),
  ],
  inputs: [
    { name: 'x', value: 0 },
    { name: 'b', value: 4 },
  ],
  outputs: [{ name: 'y', value: 6 }],
  weights: [
    { name: 'conv', kind: 'tensor', value: 1 },
    { name: 'a', kind: 'tensor', value: 3 },
    { name: 'd', kind: 'tensor', value: 5 },
  ],
  code: [
    { op: 'causalConv1d', in: [0, 1], out: 2, recurrence: 0, activation: 'silu' },
    { op: 'selectiveScan', in: [2, 0, 3, 4, 4, 5, 0], out: 6, recurrence: 1 },
  ],
}

export const STATES = { sizes: [48, 32], slots: 4 }

export function recurrentRun() {
  return {
    dims: { tokens: 3 },
    inputs: [numbers(1, 48), numbers(2, 6)],
    outputs: [new Float32Array(48)],
    rows: new Int32Array([0, 2, 3, 0, 2, 1, 0, 0]),
    states: addon().createStates(STATES),
    stateSlots: new Int32Array([1, 2, -1, 3]),
  }
}

export const SAMPLE = {
  ...{ temperature: 0.7, topK: 3, topP: 0.9, minP: 0.01, uniform: 0.5, topLogprobs: 2 },
  ...{ repetitionPenalty: 1.2, presencePenalty: 0.1, frequencyPenalty: 0.1 },
  repeated: Int32Array.of(1, 2),
  generated: Int32Array.of(3),
  counts: Int32Array.of(2),
  biased: Int32Array.of(4),
  biases: Float64Array.of(1),
  forbidden: Int32Array.of(5),
}

/** The addon, or an object of it, to be called with anything. */
export type Loose = Record<string, (...values: unknown[]) => unknown>

export const loose = () => addon() as unknown as Loose
