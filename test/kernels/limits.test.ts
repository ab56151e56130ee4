/** What the machine does at most, as the native runtime measures it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addon, isas, NO_ADDON } from '../support/native-programs.ts'

describe('the limits of the machine', { skip: NO_ADDON }, () => {
  for (const isa of isas()) {
    it(`are numbers that hang together, ${isa}`, () => {
      const limits = addon().limits(addon().createPool(1), 5, isa)
      assert.equal(limits.isa, isa)
      assert.equal(limits.threads, 1)
      for (const [name, value] of Object.entries(limits)) {
        if (name === 'isa') continue
        assert.ok(Number.isFinite(value) && (value as number) > 0, `${name} is ${value}`)
      }
    })
  }

  it('of no pool, no time or no instruction set are refused by name', () => {
    const pool = addon().createPool(1)
    assert.throws(() => addon().limits({ threads: 1 }, 5), { name: 'TypeError', message: /pool/ })
    for (const milliseconds of [0, -1, 60_001, Number.NaN, 0.5])
      assert.throws(() => addon().limits(pool, milliseconds), { message: /milliseconds/ })
    assert.throws(() => addon().limits(pool, 5, 'sse' as 'avx2'), { message: /isa/ })
  })
})
