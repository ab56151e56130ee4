/** The addon's surface against what nobody should call it with: an error each time, and a process that lives on. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { addon, NO_ADDON, numbers } from '../support/native-programs.ts'
import { seededRandom } from '../support/seeded-random.ts'

/** Errors that a caller may see; anything else is a defect. */
const NAMES: ReadonlySet<string> = new Set(['TypeError', 'RangeError', 'Error'])

const random = seededRandom(20261126)
const below = (limit: number) => Math.floor(random() * limit)
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!

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
const STRANGE: readonly (() => unknown)[] = [
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
function attempt(call: () => unknown): boolean {
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
function damage(value: unknown): unknown {
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

const f32 = (shape: readonly (string | number)[], slot = -1) => ({ shape, type: 'f32', slot })

/** A small decoder layer with every kind of operand. */
const LAYER = {
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
    { op: 'linear', in: [5], out: 6, linear: 1, activation: 'silu', multiply: 0, residual: 4 },
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

const KV = { layers: 1, kvHeads: 4, headDim: 4, blockSize: 4, blocks: 8, type: 'f32' }

const WEIGHT = {
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
const BLOCKS = { type: 'Q6_K', shape: [2, 512], values: new Uint8Array(4 * 210).fill(17) }

function run() {
  return {
    dims: { tokens: 3, wanted: 2 },
    inputs: [numbers(1, 48), new Int32Array([0, 1, 2]), new Int32Array([0, 2])],
    outputs: [new Float32Array(32)],
    kv: addon().createKv(KV as Parameters<ReturnType<typeof addon>['createKv']>[0]),
    rows: new Int32Array([0, 2, 3, 0, 2, 1, 0, 2]),
    tables: new Int32Array([7, 1, 3]),
    profile: true,
  }
}

/** Two recurrences, one behind the other. */
const RECURRENT = {
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

const STATES = { sizes: [48, 32], slots: 4 }

function recurrentRun() {
  return {
    dims: { tokens: 3 },
    inputs: [numbers(1, 48), numbers(2, 6)],
    outputs: [new Float32Array(48)],
    rows: new Int32Array([0, 2, 3, 0, 2, 1, 0, 0]),
    states: addon().createStates(STATES),
    stateSlots: new Int32Array([1, 2, -1, 3]),
  }
}

const SAMPLE = {
  ...{ temperature: 0.7, topK: 3, topP: 0.9, minP: 0.01, uniform: 0.5, topLogprobs: 2 },
  ...{ repetitionPenalty: 1.2, presencePenalty: 0.1, frequencyPenalty: 0.1 },
  repeated: Int32Array.of(1, 2),
  generated: Int32Array.of(3),
  counts: Int32Array.of(2),
  biased: Int32Array.of(4),
  biases: Float64Array.of(1),
  forbidden: Int32Array.of(5),
}

type Loose = Record<string, (...values: unknown[]) => unknown>

describe('the surface of the addon', { skip: NO_ADDON }, () => {
  const loose = () => addon() as unknown as Loose

  it('takes the calls that the others are damaged forms of', () => {
    const pool = addon().createPool(2)
    const block = loose()['packLinear']!(pool, WEIGHT) as Uint8Array
    const program = addon().createProgram(pool, LAYER, [new Float32Array(16).fill(1), block])
    const options = run()
    program.run(options as unknown as Parameters<typeof program.run>[0])
    assert.ok(options.outputs[0]!.some((v) => v !== 0))
  })

  it('survives any arguments to any function', () => {
    let accepted = 0
    const calls = 4000
    for (let i = 0; i < calls; i++) {
      const f = pick(Object.values(loose()).filter((value) => typeof value === 'function'))
      const values = Array.from({ length: below(7) }, (_, place) =>
        place === 0 && below(3) > 0 ? addon().createPool(1) : pick(STRANGE)(),
      )
      if (attempt(() => f(...values))) accepted++
    }
    assert.ok(accepted < calls)
  })

  it('survives damaged weights, programs, stores and runs', () => {
    const pool = addon().createPool(2)
    const block = loose()['packLinear']!(pool, WEIGHT)
    const weights = [new Float32Array(16).fill(1), block]
    const program = addon().createProgram(pool, LAYER, weights as Uint8Array[]) as unknown as Loose
    let ran = 0
    for (let i = 0; i < 3000; i++) {
      attempt(() => loose()['packLinear']!(pool, damage(WEIGHT)))
      attempt(() => loose()['packLinear']!(pool, damage(BLOCKS)))
      attempt(() => loose()['createKv']!(damage(KV)))
      attempt(() => program['run']!(damage(run())))
      attempt(() => {
        const made = loose()['createProgram']!(
          pool,
          damage(LAYER),
          below(4) ? weights : damage(weights),
        ) as Loose
        if (attempt(() => made['run']!(below(2) ? run() : damage(run())))) ran++
      })
    }
    assert.ok(ran > 0)
    // What survived still computes.
    program['run']!(run())
  })

  it('survives damaged recurrences and their states', () => {
    const pool = addon().createPool(2)
    const weights = [numbers(3, 64), numbers(4, 32), numbers(5, 16)]
    const program = addon().createProgram(pool, RECURRENT, weights) as unknown as Loose
    program['run']!(recurrentRun())
    let ran = 0
    for (let i = 0; i < 3000; i++) {
      attempt(() => loose()['createStates']!(damage(STATES)))
      if (attempt(() => program['run']!(damage(recurrentRun())))) ran++
      attempt(() => {
        const made = loose()['createProgram']!(pool, damage(RECURRENT), weights) as Loose
        attempt(() => made['run']!(recurrentRun()))
      })
    }
    assert.ok(ran > 0)
    program['run']!(recurrentRun())
  })

  it('survives damaged sampling', () => {
    const sampler = addon().createSampler(8) as unknown as Loose
    const logits = numbers(6, 8)
    const chosen = sampler['sample']!(logits, SAMPLE)
    for (let i = 0; i < 5000; i++) {
      attempt(() => sampler['sample']!(below(8) ? logits : pick(STRANGE)(), damage(SAMPLE)))
    }
    assert.deepEqual(sampler['sample']!(logits, SAMPLE), chosen)
  })

  it('survives damaged packed blocks', () => {
    const pool = addon().createPool(1)
    for (const [weight, width] of [[WEIGHT, 16] as const, [BLOCKS, 512] as const]) {
      const whole = loose()['packLinear']!(pool, weight) as Uint8Array
      const original = whole.slice()
      const x = numbers(2, 2 * width)
      assert.ok(attempt(() => addon().linear(pool, whole, x, 2)))
      for (let i = 0; i < 3000; i++) {
        whole.set(original)
        for (let flips = 1 + below(4); flips > 0; flips--) whole[below(160)] = below(256)
        const cut = below(3) === 0 ? whole.subarray(0, below(whole.length)) : whole
        attempt(() => addon().linear(pool, cut, x, 2))
      }
    }
  })

  it('survives damaged blocks of mapped files, and what their getters do', () => {
    const pool = addon().createPool(1)
    const folder = mkdtempSync(join(tmpdir(), 'aerie-fuzz-'))
    const path = join(folder, 'blocks')
    const block = loose()['packLinear']!(pool, WEIGHT) as Uint8Array
    writeFileSync(path, Buffer.concat([block, block]))
    const x = numbers(2, 32)
    let multiplied = 0
    for (let i = 0; i < 800; i++) {
      const file = addon().mapFile(path)
      const mapped = { file, offset: block.length * below(2), bytes: block.length }
      const strange = below(3) ? damage(mapped) : mapped
      if (attempt(() => loose()['linear']!(pool, strange, x, 2))) multiplied++
      attempt(() => {
        const weights = [new Float32Array(20_000).fill(1), strange]
        const made = loose()['createProgram']!(pool, LAYER, weights) as Loose
        made['close']!()
      })
      const norm = new Float32Array(16).fill(1)
      const hostile = Object.defineProperty({ ...mapped }, 'bytes', {
        get() {
          if (below(2)) file.close()
          else structuredClone(norm.buffer, { transfer: [norm.buffer] })
          return block.length
        },
      })
      attempt(() => loose()['createProgram']!(pool, LAYER, [norm, hostile]))
      attempt(() => addon().mapFile(pick([folder, `${path}\0`, `${path}/x`, '/proc/self/mem'])))
    }
    assert.ok(multiplied > 0)
    rmSync(folder, { recursive: true })
  })

  it('tells its objects from others and from each other', () => {
    const pool = addon().createPool(1)
    const kv = loose()['createKv']!(KV) as Loose
    const block = loose()['packLinear']!(pool, WEIGHT)
    const program = loose()['createProgram']!(pool, LAYER, [new Float32Array(16), block]) as Loose
    const states = loose()['createStates']!(STATES) as Loose
    const sampler = loose()['createSampler']!(8) as Loose
    const folder = mkdtempSync(join(tmpdir(), 'aerie-fuzz-'))
    const path = join(folder, 'block')
    writeFileSync(path, block as Uint8Array)
    const file = loose()['mapFile']!(path) as Loose
    rmSync(folder, { recursive: true })
    /** Of each class a call that only its own objects take; the pool's methods are arguments of others. */
    const calls = new Map<unknown, (self: unknown) => unknown>([
      [pool, (self) => loose()['packLinear']!(self, WEIGHT)],
      [program, (self) => program['run']!.call(self, run())],
      [kv, (self) => kv['copyBlock']!.call(self, 0, 1)],
      [sampler, (self) => sampler['sample']!.call(self, numbers(6, 8), SAMPLE)],
      [states, (self) => states['close']!.call(self)],
      [file, (self) => file['close']!.call(self)],
    ])
    const others = [
      {},
      null,
      7,
      ...[...calls.keys()].map((object) => Object.create(object as object)),
    ]
    for (const [own, call] of calls) {
      for (const stranger of [...calls.keys(), ...others]) {
        if (stranger !== own) {
          assert.throws(() => call(stranger), { name: 'TypeError', message: / is .*, expected a / })
        }
      }
    }
    for (const [own, call] of calls) call(own)
  })

  it('packs into no memory that is not aligned, whatever makes the array', () => {
    const pool = addon().createPool(2)
    const dense = { type: 'f32', shape: [3, 4], values: new Uint8Array(48) }
    const Original = globalThis.Uint8Array
    try {
      globalThis.Uint8Array = class extends Original {
        constructor(bytes: number) {
          super(new ArrayBuffer(bytes + 8), 8, bytes)
        }
      } as unknown as typeof Uint8Array
      for (const weight of [dense, WEIGHT]) {
        assert.throws(() => loose()['packLinear']!(pool, weight), {
          name: 'TypeError',
          message: 'the block is at no multiple of 64 bytes',
        })
      }
    } finally {
      globalThis.Uint8Array = Original
    }
    assert.ok(attempt(() => loose()['packLinear']!(pool, WEIGHT)))
  })

  it('survives a getter that closes what is being run', () => {
    const pool = addon().createPool(1)
    const block = loose()['packLinear']!(pool, WEIGHT)
    const program = loose()['createProgram']!(pool, LAYER, [new Float32Array(16), block]) as Loose
    const options = run()
    const hostile = Object.defineProperty({ ...options }, 'tables', {
      get() {
        ;(options.kv as unknown as Loose)['close']!()
        program['close']!()
        const { buffer } = options.inputs[0]!
        structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
        return options.tables
      },
    })
    assert.throws(() => program['run']!(hostile), { name: 'TypeError' })
  })
})
