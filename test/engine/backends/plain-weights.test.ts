/** Files of widened weights that a killed process left are gone when the next one loads a model. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, it } from 'node:test'
import { GraphBuilder } from '../../../models/graph/builder.ts'
import { withPlainWeights } from '../../../src/engine/backends/plain-weights.ts'

const TMPDIR = process.env['TMPDIR']
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aerie-plain-'))
  process.env['TMPDIR'] = folder
})
afterEach(() => {
  if (TMPDIR === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = TMPDIR
  rmSync(folder, { recursive: true })
})

it('removes what a process left that is gone, and nothing of others', async () => {
  const kept = [
    // This process, and one of another machine that shares the folder.
    `aerie-weights-${hostname()}-${process.pid}-abcdef`,
    'aerie-weights-other.machine-99999999-abcdef',
    'aerie-weights-notes',
  ]
  // No process has this id: Linux has at most 2^22.
  const orphan = `aerie-weights-${hostname()}-99999999-Xy12_z`
  for (const name of [...kept, orphan]) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'floats.bin'), 'floats')
  }
  const g = new GraphBuilder('weightless')
  g.output('y', g.relu(g.input('x', ['batch', 4])))
  const files = { checkpoint: undefined as never, tensors: new Map() }
  await withPlainWeights(g.build(), files, async () => {})
  assert.deepEqual(readdirSync(folder).sort(), [...kept].sort())
})
