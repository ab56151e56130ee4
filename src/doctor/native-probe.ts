/** A program of its own: computes 2 · x with the native runtime and says what it is, as JSON; fails unless it is right. */
import type { Program } from '../../models/graph/native/program.ts'
import { findNativeAddon } from '../engine/backends/native-addon.ts'

const DOUBLED: Program = {
  name: 'doubled',
  values: [
    { shape: [2], type: 'f32', slot: -1 },
    { shape: [2], type: 'f32', slot: -1 },
  ],
  inputs: [{ name: 'x', value: 0 }],
  outputs: [{ name: 'y', value: 1 }],
  weights: [],
  slots: 0,
  code: [{ op: 'binary', in: [0, 0], out: 1, kind: 'add' }],
}

const search = findNativeAddon()
if ('addon' in search) {
  const { addon, path } = search
  const y = new Float32Array(2)
  const program = addon.createProgram(addon.createPool(1), DOUBLED, [])
  program.run({ dims: {}, inputs: [Float32Array.of(1, 2.5)], outputs: [y] })
  if (y[0] !== 2 || y[1] !== 5) throw new Error(`1 + 1, 2.5 + 2.5 gave ${y.join(', ')}`)
  console.log(JSON.stringify({ path, isas: addon.isas(), sources: addon.sources }))
} else {
  console.log(JSON.stringify(search))
}
