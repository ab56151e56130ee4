/** Objects of the addon: told from others, and whole whatever the code that they call back does. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  adapterParts,
  KV,
  LAYER,
  type Loose,
  loose,
  run,
  SAMPLE,
  STATES,
  WEIGHT,
} from '../support/addon-calls.ts'
import { attempt } from '../support/addon-fuzz.ts'
import { addon, NO_ADDON, numbers } from '../support/native-programs.ts'

describe('objects of the addon', { skip: NO_ADDON }, () => {
  it('tells its objects from others and from each other', () => {
    const pool = addon().createPool(1)
    const kv = loose()['createKv']!(KV) as Loose
    const block = loose()['packLinear']!(pool, WEIGHT)
    const program = loose()['createProgram']!(pool, LAYER, [new Float32Array(16), block]) as Loose
    const states = loose()['createStates']!(STATES) as Loose
    const sampler = loose()['createSampler']!(8) as Loose
    const adapter = loose()['createAdapter']!(adapterParts().memory, adapterParts().pairs) as Loose
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
      [adapter, (self) => adapter['close']!.call(self)],
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
