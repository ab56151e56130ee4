/** Weights on large pages: with small ones a step spends much of its time looking up where they lie. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { addon, NO_ADDON } from '../support/native-programs.ts'

const SWITCH = '/sys/kernel/mm/transparent_hugepage/enabled'
const SMAPS = '/proc/self/smaps_rollup'
const MEBIBYTE = 1 << 20

/** Why this system has none, or false. */
function without(): string | false {
  if (!existsSync(SWITCH) || !existsSync(SMAPS)) return 'the system has no large pages'
  return readFileSync(SWITCH, 'utf8').includes('[never]') && 'large pages are switched off here'
}

function largeBytes(): number {
  return Number(/AnonHugePages: +(\d+) kB/.exec(readFileSync(SMAPS, 'utf8'))![1]) * 1024
}

describe('packed weights', { skip: NO_ADDON || without() }, () => {
  it('lie on large pages, one matrix behind the other', () => {
    const pool = addon().createPool(1)
    const shape = [1000, 1000] as const
    const values = new Uint8Array(1000 * 1000 * 4)
    const weights = Array.from({ length: 8 }, () =>
      addon().packLinear(pool, { type: 'f32', shape, values }),
    )
    const before = largeBytes()
    const f32 = (slot: number) => ({ shape: [1, 1000], type: 'f32', slot })
    const program = {
      name: 'eight',
      slots: 8,
      values: [f32(-1), ...weights.map((_, i) => f32(i))],
      inputs: [{ name: 'x', value: 0 }],
      outputs: [{ name: 'y', value: 8 }],
      weights: weights.map((_, i) => ({ name: `w${i}`, kind: 'linear' })),
      code: weights.map((_, i) => ({ op: 'linear', in: [i], out: i + 1, linear: i })),
    }
    addon().createProgram(pool, program, weights).close()
    // Of 32 MB; what the first and the last share with other memory may be missing, and some that the system lacks.
    assert.ok(
      largeBytes() - before >= 16 * MEBIBYTE,
      `${largeBytes() - before} bytes of large pages`,
    )
  })
})
