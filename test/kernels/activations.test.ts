/** The vector functions behind activations, over the whole range of what floats can be. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { erf } from '../../src/engine/backends/reference/element-wise.ts'
import { compute, isas, NO_ADDON } from '../support/native-programs.ts'

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
const EXACT: Readonly<Record<string, (v: number) => number>> = {
  silu: (v) => v * sigmoid(v),
  relu: (v) => Math.max(0, v),
  relu2: (v) => Math.fround(Math.max(0, v) ** 2),
  gelu_erf: (v) => 0.5 * v * (1 + erf(v * Math.SQRT1_2)),
  gelu_tanh: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  gelu_quick: (v) => v * sigmoid(1.702 * v),
}

describe('activations of the native runtime', { skip: NO_ADDON }, () => {
  for (const isa of isas()) {
    for (const [kind, exact] of Object.entries(EXACT)) {
      it(`${kind} is within 1e-6 everywhere, ${isa}`, () => {
        const near = Float32Array.from({ length: 200_001 }, (_, i) => (i - 100_000) / 5000)
        const wide = Float32Array.from(
          { length: 241 },
          (_, i) => (i % 2 ? -1 : 1) * 2 ** (i / 2 - 60),
        )
        for (const x of [near, wide]) {
          const y = compute(
            isa,
            { op: 'unary', kind },
            [{ shape: [x.length], data: x }],
            [x.length],
          )
          for (const [i, v] of x.entries()) {
            const expected = exact(v)
            const apart = Math.abs(y[i]! - expected)
            assert.ok(
              apart <= 1e-6 * Math.max(1, Math.abs(expected)),
              `${kind}(${v}) = ${y[i]}, not ${expected}`,
            )
          }
        }
      })
    }

    it(`softmax of far apart and of infinite values, ${isa}`, () => {
      const x = new Float32Array([1000, 0, -1000, -Infinity, 1000, 3e38, -3e38, 0])
      const y = compute(isa, { op: 'softmax' }, [{ shape: [2, 4], data: x }], [2, 4])
      assert.deepEqual([...y], [1, 0, 0, 0, 0, 1, 0, 0])
    })

    it(`what is not a number stays so, ${isa}`, () => {
      const x = new Float32Array(40).fill(Number.NaN)
      for (const kind of ['silu', 'gelu_erf', 'gelu_tanh', 'gelu_quick']) {
        const y = compute(isa, { op: 'unary', kind }, [{ shape: [40], data: x }], [40])
        assert.ok(y.every(Number.isNaN), kind)
      }
    })
  }
})
