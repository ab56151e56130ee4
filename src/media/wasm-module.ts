/** A WebAssembly module of one function, assembled from its instructions (WebAssembly 2.0, §5). */

/** Bytes of instructions. */
export type Code = readonly number[]

/** Unsigned LEB128. */
function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]
}

/** Signed LEB128. */
function signedLeb(value: number): number[] {
  return value >= -64 && value < 64
    ? [value & 0x7f]
    : [(value & 0x7f) | 0x80, ...signedLeb(value >> 7)]
}

const I32 = 0x7f
const V128 = 0x7b
const simd = (opcode: number) => [0xfd, ...leb(opcode)]

/** Instructions by their names in the text format. Loads and stores take an offset and assume no alignment. */
export const op = {
  get: (local: number): Code => [0x20, ...leb(local)],
  set: (local: number): Code => [0x21, ...leb(local)],
  tee: (local: number): Code => [0x22, ...leb(local)],
  i32Const: (value: number): Code => [0x41, ...signedLeb(value)],
  i32Load: (offset = 0): Code => [0x28, 0, ...leb(offset)],
  i32Add: [0x6a] as Code,
  i32Sub: [0x6b] as Code,
  i32LtS: [0x48] as Code,
  /** Runs `body` and, as long as it leaves a number other than zero, again. */
  doWhile: (...body: Code[]): Code => [0x03, 0x40, ...body.flat(), 0x0d, 0, 0x0b],
  v128Load: (offset = 0): Code => [...simd(0x00), 0, ...leb(offset)],
  v128Store: (offset = 0): Code => [...simd(0x0b), 0, ...leb(offset)],
  load32Splat: (offset = 0): Code => [...simd(0x09), 0, ...leb(offset)],
  load64Zero: (offset = 0): Code => [...simd(0x5d), 0, ...leb(offset)],
  store8Lane: (lane: number, offset = 0): Code => [...simd(0x58), 0, ...leb(offset), lane],
  store16Lane: (lane: number, offset = 0): Code => [...simd(0x59), 0, ...leb(offset), lane],
  v128Const: (bytes: readonly number[]): Code => [...simd(0x0c), ...bytes],
  v128Zero: [...simd(0x0c), ...new Array<number>(16).fill(0)] as Code,
  i8x16Shuffle: (lanes: readonly number[]): Code => [...simd(0x0d), ...lanes],
  /** As the shuffle, by lanes that are a vector too; one that does not exist gives zero. */
  i8x16Swizzle: simd(0x0e) as Code,
  i32x4Splat: simd(0x11) as Code,
  i8x16NarrowI16x8U: simd(0x66) as Code,
  i16x8NarrowI32x4S: simd(0x85) as Code,
  i16x8ExtendLowI8x16U: simd(0x89) as Code,
  i16x8ExtendHighI8x16U: simd(0x8a) as Code,
  i32x4Shl: simd(0xab) as Code,
  i32x4ShrS: simd(0xac) as Code,
  i32x4Add: simd(0xae) as Code,
  i32x4DotI16x8S: simd(0xba) as Code,
}

/** Assembles a module that imports `env.memory` and exports the function as `run`; it takes integers and returns nothing. */
export function assemble(shape: {
  readonly parameters: number
  /** Locals after the parameters: so many of type i32, then so many of type v128. */
  readonly i32Locals: number
  readonly v128Locals: number
  readonly body: readonly Code[]
}): Uint8Array<ArrayBuffer> {
  const { parameters, i32Locals, v128Locals, body } = shape
  const vector = (items: readonly Code[]) => [...leb(items.length), ...items.flat()]
  const sized = (bytes: readonly number[]) => [...leb(bytes.length), ...bytes]
  const name = (text: string) => sized([...Buffer.from(text)])
  const section = (id: number, items: readonly Code[]) => [id, ...sized(vector(items))]
  const type = [0x60, ...vector(new Array<Code>(parameters).fill([I32])), 0]
  const locals = vector([
    [...leb(i32Locals), I32],
    [...leb(v128Locals), V128],
  ])
  return Uint8Array.from([
    ...Buffer.from('\0asm\x01\0\0\0', 'latin1'),
    ...section(1, [type]),
    ...section(2, [[...name('env'), ...name('memory'), 2, 0, ...leb(1)]]),
    ...section(3, [[0]]),
    ...section(7, [[...name('run'), 0, 0]]),
    ...section(10, [sized([...locals, ...body.flat(), 0x0b])]),
  ])
}
