/**
 * The version of the quantiser is that of its bytes: models that were kept are measured again only as long as it is the same.
 * `test/fixtures/quantise/digests.json` has the digests of every version; those of past ones stay.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, it } from 'node:test'
import { formName, quantised } from '../../src/bench/engine/models.ts'
import { SHAPES } from '../../src/bench/engine/shapes.ts'
import { writeRandomCheckpoint } from '../../src/bench/random-checkpoint.ts'
import { decoderConfig } from '../../src/bench/random-configs.ts'
import { addProducts, blockElements, toFactors } from '../../src/quantise/gptq.ts'
import { GROUPS, METHODS } from '../../src/quantise/methods.ts'
import { type QuantisedForm, quantiseRows } from '../../src/quantise/quantise-rows.ts'
import { QUANTISER_VERSION } from '../../src/quantise/version.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import { seededRandom } from '../support/seeded-random.ts'

const RECORDED = resolve(import.meta.dirname, '../fixtures/quantise/digests.json')
const WIDTH = 192

let scratch: string
before(() => {
  scratch = scratchFolder()
})
after(() => rmSync(scratch, { recursive: true }))

/** SHA-256 of the weights in a folder. */
function digestOf(folder: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort())
    if (name.endsWith('.safetensors')) hash.update(readFileSync(join(folder, name)))
  return hash.digest('hex')
}

/** Of every whole form of a decoder: nothing there depends on the machine. */
async function formDigests(): Promise<Record<string, string>> {
  const checkpoint = join(scratch, 'checkpoint')
  await writeRandomCheckpoint(checkpoint, decoderConfig(SHAPES.tiny))
  const digests: Record<string, string> = {}
  for (const method of METHODS) {
    for (const group of GROUPS) {
      const form = { method, group }
      digests[formName(form)] = digestOf(await quantised(checkpoint, form))
    }
  }
  return digests
}

/** Of rows, by factors of given inputs, and by the form of towers: what a model’s would come of is computed in float32. */
function rowDigests(): Record<string, string> {
  const random = seededRandom(8)
  const numbers = (count: number) => Float32Array.from({ length: count }, () => random() - 0.5)
  const inputs = numbers(300 * WIDTH)
  const factors = new Float32Array(blockElements(WIDTH))
  addProducts(factors, inputs, WIDTH)
  toFactors(factors, WIDTH)
  const rows = numbers(8 * WIDTH)
  const digest = (form: QuantisedForm, by?: Float32Array) => {
    const { values, scales, zeroPoints } = quantiseRows(rows, WIDTH, form, by)
    const hash = createHash('sha256').update(values).update(scales)
    return hash.update(zeroPoints ?? '').digest('hex')
  }
  const groups = { kind: 'groups', bits: 4, group: 32, hasZeroPoints: true } as const
  return {
    'rows with factors': digest(groups, factors),
    'rows of a tower': digest({ kind: 'rows' }),
  }
}

it('other bytes are another version, and the bytes of a version do not change', async () => {
  const recorded = JSON.parse(readFileSync(RECORDED, 'utf8')) as Record<string, object>
  const digests = { ...(await formDigests()), ...rowDigests() }
  assert.equal(
    Math.max(...Object.keys(recorded).map(Number)),
    QUANTISER_VERSION,
    'QUANTISER_VERSION (src/quantise/version.ts) is the last that is recorded',
  )
  assert.deepEqual(
    digests,
    recorded[QUANTISER_VERSION],
    `the quantiser makes other bytes: raise QUANTISER_VERSION, and record these beside those of ${QUANTISER_VERSION}`,
  )
  const all = Object.values(recorded).map((version) => JSON.stringify(version))
  assert.equal(new Set(all).size, all.length, 'no two versions make the same')
})
