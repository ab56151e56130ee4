/** Values that nobody should call the addon with, and copies that are damaged somewhere. */
import assert from 'node:assert/strict'
import { addon } from './native-programs.ts'
import { seededRandom } from './seeded-random.ts'

/** Errors that a caller may see; anything else is a defect. */
const NAMES: ReadonlySet<string> = new Set(['TypeError', 'RangeError', 'Error'])

const random = seededRandom(20261126)
export const below = (limit: number) => Math.floor(random() * limit)
export const pick = <T>(list: readonly T[]): T => list[below(list.length)]!

function detached(): Float32Array {
  const array = new Float32Array(4)
  structuredClone(array.buffer, { transfer: [array.buffer] })
  return array
}

function shrunk(): Float32Array {
  const buffer = new ArrayBuffer(64, { maxByteLength: 64 })
  const array = new Float32Array(buffer, 32, 8)
  buffer.resize(16)
  return array
}

/** Made anew for each use, since a call may keep or damage what it gets. */
export const STRANGE: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => '',
  () => 'f32',
  () => 'x'.repeat(100_000),
  () => Symbol('s'),
  () => 10n,
  () => -1,
  () => 0,
  () => -0,
  () => 0.5,
  () => 1,
  () => 3,
  () => 16,
  () => 2 ** 31,
  () => 2 ** 32,
  () => 2 ** 40,
  () => 2 ** 53,
  () => 1e308,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => () => 1,
  () => ({}),
  () => [],
  () => [[]],
  () => new Array(3),
  () => new Array(2 ** 32 - 1),
  () => ({ length: 2 ** 40 }),
  () => Object.create(null),
  () => new Proxy({}, { get: () => pick(STRANGE)() }),
  () => ({
    get dims() {
      throw new Error('a getter that throws')
    },
  }),
  () => new Float32Array(0),
  () => new Float32Array(12),
  () => new Float32Array([Number.NaN, 1e38, -1e38, 1]),
  () => new Int32Array([-1, 2 ** 31 - 1, -(2 ** 31), 0]),
  () => new Int32Array(64),
  () => new Uint8Array(7),
  () => new Uint8Array(4096),
  () => new Float64Array(4),
  () => new BigInt64Array(2),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(8),
  () => new Float32Array(new SharedArrayBuffer(16)),
  detached,
  shrunk,
  () => addon().createPool(1),
  () =>
    addon().createKv({ layers: 1, kvHeads: 1, headDim: 4, blockSize: 4, blocks: 2, type: 'f32' }),
  () => new Proxy(addon().createPool(1), {}),
]

/** One call; what it throws must be an error of ours or of the fuzz itself. */
export function attempt(call: () => unknown): boolean {
  try {
    call()
    return true
  } catch (error) {
    assert.ok(error instanceof Error, `threw ${String(error)}`)
    assert.ok(NAMES.has(error.name), `${error.name}: ${error.message}`)
    assert.ok(error.message.length < 6000, error.message.slice(0, 200))
    return false
  }
}

/** A copy in which one field, somewhere, is something else or missing. */
export function damage(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || below(4) === 0)
    return pick(STRANGE)()
  if (Object.getPrototypeOf(value) !== Object.prototype && !Array.isArray(value)) return value
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>
  const keys = Object.keys(copy)
  if (keys.length === 0) return pick(STRANGE)()
  const key = pick(keys)
  if (below(12) === 0) delete copy[key]
  else if (typeof copy[key] === 'number' && below(3) > 0)
    copy[key] = pick([0, 1, -1, 2, 3, 5, 7, 16, 100, 255, 4096, 2 ** 20, 2 ** 31, 2 ** 39, 2 ** 52])
  else copy[key] = damage(copy[key])
  return copy
}
