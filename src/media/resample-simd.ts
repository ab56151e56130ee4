/**
 * The horizontal pass of `resample.ts` in WebAssembly's SIMD: the same integers, several times as fast.
 * A weight w is split into h·2¹² + l, both of which fit 16 bits; one instruction then multiplies two taps of three channels
 * with two halves of weights and adds the pairs. Sums are 32-bit integers, so that their order changes nothing.
 */
import { assemble, op } from './wasm-module.ts'

/** For each output: first input, number of taps, and weights at `index * stride`. */
export interface RowTaps {
  readonly first: Int32Array
  readonly count: Int32Array
  readonly weights: Int32Array
  readonly stride: number
}

/** Resizes one row of `[n, 3]` that starts at byte `at` of `source` into the one that starts at byte `to` of `target`. */
export type RowResizer = (
  source: Uint8Array,
  at: number,
  target: Uint8ClampedArray,
  to: number,
) => void

/** Binary places of a weight. */
export const WEIGHT_BITS = 22

const SPLIT = 12
const LOW = (1 << SPLIT) - 1
/** A pair of taps: two low halves, then two high halves, 16 bits each. */
const PAIR_BYTES = 8
const PAGE = 65_536

const SOURCE = 0
const TARGET = 1
const OUTPUTS = 2
const WEIGHTS = 3
const REMAINING = 4
const PIXEL = 5
const PAIRS = 6
const BOTH = 7
const LOW_SUM = 8
const HIGH_SUM = 9

/** r₀ g₀ b₀ r₁ g₁ b₁ as bytes → r₀ r₁ g₀ g₁ b₀ b₁ 0 0 as 16-bit numbers; 16 names a byte of zero. */
const INTERLEAVE = [0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16]

/** run(source, target, outputs, weights, remaining): an output is two numbers, byte offset of its first input and pairs of taps. */
function rowProgram(): WebAssembly.Module {
  const add = (sum: number, weightsAt: number) => [
    op.get(sum),
    ...[op.get(BOTH), op.get(WEIGHTS), op.load32Splat(weightsAt), op.i32x4DotI16x8S],
    ...[op.i32x4Add, op.set(sum)],
  ]
  const advance = (pointer: number, bytes: number) => [
    ...[op.get(pointer), op.i32Const(bytes), op.i32Add, op.set(pointer)],
  ]
  const countDown = (counter: number) => [
    ...[op.get(counter), op.i32Const(1), op.i32Sub, op.tee(counter)],
  ]
  const body = op.doWhile(
    ...[op.get(SOURCE), op.get(OUTPUTS), op.i32Load(0), op.i32Add, op.set(PIXEL)],
    ...[op.get(OUTPUTS), op.i32Load(4), op.set(PAIRS)],
    ...[op.i32Const(1 << (WEIGHT_BITS - 1)), op.i32x4Splat, op.set(LOW_SUM)],
    ...[op.v128Zero, op.set(HIGH_SUM)],
    op.doWhile(
      ...[op.get(PIXEL), op.load64Zero(), op.v128Zero, op.i8x16Shuffle(INTERLEAVE), op.set(BOTH)],
      ...add(LOW_SUM, 0),
      ...add(HIGH_SUM, 4),
      ...advance(PIXEL, 6),
      ...advance(WEIGHTS, PAIR_BYTES),
      ...countDown(PAIRS),
    ),
    op.get(TARGET),
    ...[op.get(HIGH_SUM), op.i32Const(SPLIT), op.i32x4Shl, op.get(LOW_SUM), op.i32x4Add],
    ...[op.i32Const(WEIGHT_BITS), op.i32x4ShrS],
    // Narrowing clamps, to 16 bits and then to 0…255.
    ...[op.v128Zero, op.i16x8NarrowI32x4S, op.v128Zero, op.i8x16NarrowI16x8U],
    op.store32Lane(0),
    ...advance(TARGET, 3),
    ...advance(OUTPUTS, 8),
    ...countDown(REMAINING),
  )
  const shape = { parameters: 5, i32Locals: 2, v128Locals: 3, body: [body] }
  return new WebAssembly.Module(assemble(shape))
}

/** Undefined where this machine has no such instructions. */
const PROGRAM = hasSimd() ? rowProgram() : undefined

/** A function that resizes rows of `width` pixels with these taps, or undefined where the machine cannot. */
export function simdRowResizer(width: number, taps: RowTaps): RowResizer | undefined {
  if (!PROGRAM) return undefined
  const { first, count, weights, stride } = taps
  const outputs = first.length
  const pairs = count.map((n) => (n + 1) >> 1)
  // A pair may read five bytes past the row, and a store writes one past the target; eight keep both harmless.
  const targetAt = width * 3 + 8
  const outputsAt = (targetAt + outputs * 3 + 8 + 7) & ~7
  const weightsAt = outputsAt + outputs * 8
  const bytes = weightsAt + pairs.reduce((sum, n) => sum + n, 0) * PAIR_BYTES
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) })
  const table = new Int32Array(memory.buffer, outputsAt, outputs * 2)
  const halves = new Int16Array(memory.buffer, weightsAt)
  for (let i = 0, pair = 0; i < outputs; i++) {
    table[2 * i] = first[i]! * 3
    table[2 * i + 1] = pairs[i]!
    for (let t = 0; t < 2 * pairs[i]!; t++) {
      const weight = t < count[i]! ? weights[i * stride + t]! : 0
      const at = 4 * (pair + (t >> 1)) + (t & 1)
      halves[at] = weight & LOW
      halves[at + 2] = weight >> SPLIT
    }
    pair += pairs[i]!
  }
  const instance = new WebAssembly.Instance(PROGRAM, { env: { memory } })
  // The one export, by construction.
  const run = instance.exports['run'] as (...pointers: number[]) => void
  const all = new Uint8Array(memory.buffer)
  return (source, at, target, to) => {
    all.set(source.subarray(at, at + width * 3))
    run(0, targetAt, outputsAt, weightsAt, outputs)
    target.set(all.subarray(targetAt, targetAt + outputs * 3), to)
  }
}

function hasSimd(): boolean {
  return WebAssembly.validate(
    assemble({ parameters: 0, i32Locals: 0, v128Locals: 1, body: [op.v128Zero, op.set(0)] }),
  )
}
