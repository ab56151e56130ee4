/** Models that the benchmark of engines made once: taken again while the quantiser would make the same, and made anew after. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { checkpointOf, quantised } from '../../src/bench/engine/models.ts'
import { SHAPES } from '../../src/bench/engine/shapes.ts'
import { QUANTISER_VERSION } from '../../src/quantise/version.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'

const FORM = { method: 'int4', group: 32 } as const
/** Written into a folder to see whether it is still the same one. */
const MARK = 'seen'

let scratch: string
let checkpoint: string
before(async () => {
  scratch = scratchFolder()
  checkpoint = await checkpointOf(scratch, 'tiny', SHAPES.tiny)
})
after(() => rmSync(scratch, { recursive: true }))

const marked = async () => {
  const folder = await quantised(checkpoint, FORM)
  writeFileSync(join(folder, MARK), '')
  return folder
}
const isKept = async () => existsSync(join(await quantised(checkpoint, FORM), MARK))

it('say which version of the quantiser made them, and are kept as long as it is this one', async () => {
  const folder = await marked()
  const record = JSON.parse(readFileSync(join(folder, 'made-by.json'), 'utf8'))
  assert.deepEqual(record, { quantiser: QUANTISER_VERSION })
  assert.ok(await isKept())
})

it('are made anew where another version made them', async () => {
  const folder = await marked()
  writeFileSync(join(folder, 'made-by.json'), JSON.stringify({ quantiser: QUANTISER_VERSION + 1 }))
  assert.equal(await isKept(), false)
  assert.ok(statSync(join(folder, 'config.json')).isFile())
})

it('are the first version’s where they do not say', async () => {
  rmSync(join(await marked(), 'made-by.json'))
  assert.equal(await isKept(), QUANTISER_VERSION === 1)
})
