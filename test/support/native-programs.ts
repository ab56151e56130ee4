/** The built addon and small programs for it, for tests of the native runtime. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as native from '../../kernels/cpu/native.d.ts'
import { seededRandom } from './seeded-random.ts'

const ROOT = join(import.meta.dirname, '../..')
const PLACES = [
  'kernels/cpu/build/aerie-cpu.node',
  `prebuilds/${process.platform}-${process.arch}/aerie-cpu.node`,
]

export type Addon = typeof native

/** Where the addon is: built here, or the prebuilt one; a sanitizer's build by AERIE_TEST_ADDON. */
export const ADDON_PATH = [
  process.env['AERIE_TEST_ADDON'],
  ...PLACES.map((place) => join(ROOT, place)),
]
  .filter((path) => path !== undefined)
  .find(existsSync)

/** For `describe`: why the tests of the addon cannot run, or false. */
export const NO_ADDON =
  ADDON_PATH === undefined && 'no addon is built: cmake -S kernels/cpu -B kernels/cpu/build'

let loaded: Addon | undefined

export function addon(): Addon {
  loaded ??= createRequire(import.meta.url)(ADDON_PATH!) as Addon
  return loaded
}

/** Instruction sets that this machine has; none without an addon. */
export function isas(): native.Isa[] {
  return NO_ADDON ? [] : addon().isas()
}

export interface Operand {
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array
}

/** The result of one instruction; its shape is `shape`. */
export function compute(
  isa: native.Isa,
  instruction: Readonly<Record<string, unknown>> & { readonly op: string },
  operands: readonly Operand[],
  shape: readonly number[],
  threads = 2,
): Float32Array {
  const values = operands.map((operand) => ({
    shape: operand.shape,
    type: operand.data instanceof Int32Array ? 'i32' : 'f32',
    slot: -1,
  }))
  const out = operands.length
  const program = addon().createProgram(
    addon().createPool(threads),
    {
      name: instruction.op,
      slots: 0,
      values: [...values, { shape, type: 'f32', slot: -1 }],
      inputs: values.map((_, value) => ({ name: `in${value}`, value })),
      outputs: [{ name: 'out', value: out }],
      weights: [],
      code: [{ in: values.map((_, value) => value), ...instruction, out }],
    },
    [],
    isa,
  )
  const result = new Float32Array(shape.reduce((product, size) => product * size, 1))
  program.run({ dims: {}, inputs: operands.map(({ data }) => data), outputs: [result] })
  return result
}

/** Numbers that look like normal ones, the same for a seed. */
export function numbers(seed: number, count: number): Float32Array {
  const uniform = seededRandom(seed)
  return Float32Array.from(
    { length: count },
    () => uniform() + uniform() + uniform() + uniform() - 2,
  )
}

/** Whether two arrays hold the same bits. */
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(buffer, byteOffset, byteLength)
  return bytes(a).equals(bytes(b))
}

/** One after the other. */
export function joined(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const array of arrays) {
    all.set(array, at)
    at += array.length
  }
  return all
}
