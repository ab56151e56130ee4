/**
 * The two passes of `resample.ts` as WebAssembly functions. A weight w is split into h·2¹² + l, both of which fit 16 bits;
 * one instruction then multiplies two taps of four samples with one half of their weights and adds the pairs. Sums are
 * 32-bit integers, so that their order changes nothing.
 */
import { WEIGHT_BITS } from './resample-taps.ts'
import { assemble, type Code, op } from './wasm-module.ts'

/** Binary places of the low half of a weight. */
export const SPLIT = 12

/** A pair of taps: two low halves, then two high halves, 16 bits each. */
export const PAIR_BYTES = 8

/** What an output needs: byte offset of its first input, and how often its loop over taps runs; 32 bits each. */
export const OUTPUT_BYTES = 8

/** Rows that `rowProgram` resizes side by side, and taps that it takes at once. */
export const BATCH = 4
export const ROW_TAPS = 4

/** Bytes that `columnProgram` resizes side by side, and taps that it takes at once. */
export const SPAN = 16
export const COLUMN_TAPS = 2

type Four = [number, number, number, number]

/** Numbers of consecutive locals. */
const local = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)

/** pointer += by */
const advance = (pointer: number, by: Code): Code[] => [
  ...[op.get(pointer), by, op.i32Add, op.set(pointer)],
]
const advanceBytes = (pointer: number, bytes: number) => advance(pointer, op.i32Const(bytes))

/** Leaves what remains. */
const countDown = (counter: number): Code[] => [
  ...[op.get(counter), op.i32Const(1), op.i32Sub, op.tee(counter)],
]

/** low := ½, high := 0 */
const startSums = (low: number, high: number): Code[] => [
  ...[op.i32Const(1 << (WEIGHT_BITS - 1)), op.i32x4Splat, op.set(low)],
  ...[op.v128Zero, op.set(high)],
]

/** sum += samples · weights, in pairs */
const addProducts = (sum: number, samples: number, weights: number): Code[] => [
  ...[op.get(sum), op.get(samples), op.get(weights), op.i32x4DotI16x8S, op.i32x4Add, op.set(sum)],
]

/** Leaves four samples of 32 bits, not yet clamped. */
const endSums = (low: number, high: number): Code[] => [
  ...[op.get(high), op.i32Const(SPLIT), op.i32x4Shl, op.get(low), op.i32x4Add],
  ...[op.i32Const(WEIGHT_BITS), op.i32x4ShrS],
]

/** r₀ g₀ b₀ r₁ g₁ b₁ as bytes → r₀ r₁ g₀ g₁ b₀ b₁ 0 0 as 16-bit numbers; 255 names no byte and gives zero. */
const INTERLEAVE = [0, 255, 3, 255, 1, 255, 4, 255, 2, 255, 5, 255, 255, 255, 255, 255]

/**
 * run(source, sourceBytes, target, targetBytes, outputs, weights, remaining): resizes `BATCH` rows, which lie `sourceBytes`
 * apart, into as many that lie `targetBytes` apart. Reads at most `ROW_TAPS` pixels and 2 bytes past the last row.
 */
export function rowProgram(): Uint8Array<ArrayBuffer> {
  const [source, sourceBytes, target, targetBytes] = [0, 1, 2, 3] as const
  const [outputs, weights, remaining, steps] = [4, 5, 6, 7] as const
  const pixel = local(8, BATCH)
  const low = local(8 + BATCH, BATCH)
  const high = local(8 + 2 * BATCH, BATCH)
  const [samples, lowWeights, highWeights, mask] = local(8 + 3 * BATCH, 4) as Four
  const rows = local(0, BATCH)
  const pair = (i: number): Code[] => [
    ...[op.get(weights), op.load32Splat(i * PAIR_BYTES), op.set(lowWeights)],
    ...[op.get(weights), op.load32Splat(i * PAIR_BYTES + PAIR_BYTES / 2), op.set(highWeights)],
    ...rows.flatMap((row) => [
      ...[op.get(pixel[row]!), op.load64Zero(i * 6), op.get(mask), op.i8x16Swizzle],
      op.set(samples),
      ...addProducts(low[row]!, samples, lowWeights),
      ...addProducts(high[row]!, samples, highWeights),
    ]),
  ]
  const body = op.doWhile(
    ...[op.get(source), op.get(outputs), op.i32Load(0), op.i32Add, op.set(pixel[0]!)],
    ...local(1, BATCH - 1).flatMap((row) => [
      ...[op.get(pixel[row - 1]!), op.get(sourceBytes), op.i32Add, op.set(pixel[row]!)],
    ]),
    ...[op.get(outputs), op.i32Load(4), op.set(steps)],
    ...rows.flatMap((row) => startSums(low[row]!, high[row]!)),
    op.doWhile(
      ...local(0, ROW_TAPS / 2).flatMap(pair),
      ...rows.flatMap((row) => advanceBytes(pixel[row]!, ROW_TAPS * 3)),
      ...advanceBytes(weights, (ROW_TAPS / 2) * PAIR_BYTES),
      ...countDown(steps),
    ),
    ...[op.get(target), op.set(pixel[0]!)],
    ...rows.flatMap((row) => [
      ...endSums(low[row]!, high[row]!),
      // Narrowing clamps, to 16 bits and then to 0…255.
      ...[op.v128Zero, op.i16x8NarrowI32x4S, op.v128Zero, op.i8x16NarrowI16x8U, op.set(samples)],
      ...[op.get(pixel[0]!), op.get(samples), op.store16Lane(0)],
      ...[op.get(pixel[0]!), op.get(samples), op.store8Lane(2, 2)],
      ...advance(pixel[0]!, op.get(targetBytes)),
    ]),
    ...advanceBytes(target, 3),
    ...advanceBytes(outputs, OUTPUT_BYTES),
    ...countDown(remaining),
  )
  // Set once: V8 makes a constant that stands in a loop anew each time.
  const start = [op.v128Const(INTERLEAVE), op.set(mask)]
  return assemble({
    ...{ parameters: 7, i32Locals: 1 + BATCH, v128Locals: 2 * BATCH + 4 },
    body: [...start, body],
  })
}

/** Bytes of two rows side by side. */
const ZIP = local(0, SPAN).map((i) => (i % 2) * SPAN + (i >> 1))
const ZIP_HIGH = ZIP.map((lane) => lane + SPAN / 2)

/**
 * run(source, rowBytes, target, outputs, weights, remaining): resizes columns of bytes, `SPAN` at a time, in rows without
 * gaps. The last span of a row reaches into the next row, which is written later. Reads at most one row and `SPAN` bytes
 * past the last row, and writes at most `SPAN` bytes past it.
 */
export function columnProgram(): Uint8Array<ArrayBuffer> {
  const [source, rowBytes, target, outputs, weights, remaining] = [0, 1, 2, 3, 4, 5] as const
  const [column, at, weightsAt, steps] = [6, 7, 8, 9] as const
  const low = [10, 11, 12, 13] as const
  const high = [14, 15, 16, 17] as const
  const [upper, lower, samples, lowWeights, highWeights] = [18, 19, 20, 21, 22] as const
  const quarters = [0, 1, 2, 3] as const
  const body = op.doWhile(
    ...[op.i32Const(0), op.set(column)],
    op.doWhile(
      ...[op.get(source), op.get(outputs), op.i32Load(0), op.i32Add],
      ...[op.get(column), op.i32Add, op.set(at)],
      ...[op.get(weights), op.set(weightsAt)],
      ...[op.get(outputs), op.i32Load(4), op.set(steps)],
      ...quarters.flatMap((i) => startSums(low[i], high[i])),
      op.doWhile(
        ...[op.get(at), op.v128Load(), op.set(upper)],
        ...advance(at, op.get(rowBytes)),
        ...[op.get(at), op.v128Load(), op.set(lower)],
        ...advance(at, op.get(rowBytes)),
        ...[op.get(weightsAt), op.load32Splat(0), op.set(lowWeights)],
        ...[op.get(weightsAt), op.load32Splat(PAIR_BYTES / 2), op.set(highWeights)],
        ...quarters.flatMap((i) => [
          ...[op.get(upper), op.get(lower), op.i8x16Shuffle(i < 2 ? ZIP : ZIP_HIGH)],
          ...[i % 2 === 0 ? op.i16x8ExtendLowI8x16U : op.i16x8ExtendHighI8x16U, op.set(samples)],
          ...addProducts(low[i], samples, lowWeights),
          ...addProducts(high[i], samples, highWeights),
        ]),
        ...advanceBytes(weightsAt, PAIR_BYTES),
        ...countDown(steps),
      ),
      ...[op.get(target), op.get(column), op.i32Add],
      ...[...endSums(low[0], high[0]), ...endSums(low[1], high[1]), op.i16x8NarrowI32x4S],
      ...[...endSums(low[2], high[2]), ...endSums(low[3], high[3]), op.i16x8NarrowI32x4S],
      ...[op.i8x16NarrowI16x8U, op.v128Store()],
      // More spans as long as the row is longer.
      ...advanceBytes(column, SPAN),
      ...[op.get(column), op.get(rowBytes), op.i32LtS],
    ),
    ...[op.get(weightsAt), op.set(weights)],
    ...advance(target, op.get(rowBytes)),
    ...advanceBytes(outputs, OUTPUT_BYTES),
    ...countDown(remaining),
  )
  return assemble({ parameters: 6, i32Locals: 4, v128Locals: 13, body: [body] })
}
