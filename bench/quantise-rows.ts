#!/usr/bin/env node
/** What rounding weights takes: `node bench/quantise-rows.ts` prints weights, and for factors inputs, a second of processor time. */
import { addProducts, blockElements, toFactors } from '../src/quantise/gptq.ts'
import { type QuantisedForm, quantiseRows } from '../src/quantise/quantise-rows.ts'

const WIDTH = 1536
const ROWS = 1024
const POSITIONS = 512
const TIMES = 3

const weights = Float32Array.from(
  { length: WIDTH * ROWS },
  (_, i) => Math.sin(i * 12.9898) * Math.sin(i * 0.37),
)
const inputs = Float32Array.from(
  { length: WIDTH * POSITIONS },
  (_, i) => Math.sin(i * 78.233) + (i % 5) * 0.1,
)
const factors = new Float32Array(blockElements(WIDTH))
report('inputs of a layer, summed', inputs.length, () => addProducts(factors, inputs, WIDTH))
toFactors(factors, WIDTH)

const groups = (bits: 4 | 8, group: number): QuantisedForm => {
  return { kind: 'groups', bits, group, hasZeroPoints: bits === 4 }
}
for (const [name, form, by] of [
  ['int8, groups of 32, nearest', groups(8, 32), undefined],
  ['int4, groups of 32, nearest', groups(4, 32), undefined],
  ['int4, groups of 32, gptq', groups(4, 32), factors],
  ['int4, groups of 128, gptq', groups(4, 128), factors],
] as const)
  report(name, weights.length, () => quantiseRows(weights, WIDTH, form, by))

/** The best of several times, after one that does not count. */
function report(name: string, count: number, run: () => void): void {
  let best = 0
  for (let time = 0; time <= TIMES; time++) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    if (time > 0) best = Math.max(best, count / (user + system))
  }
  console.log(`${name}: ${best.toFixed(1)} million a second`)
}
