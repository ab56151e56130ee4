/** All towers of a model together and alone, on the smallest Eagle X5 there is. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, it } from 'node:test'
import { modelConfig } from '../../models/load-config.ts'
import { EAGLE_X5_EYES } from '../../src/bench/random-configs.ts'
import { FIXTURES } from '../support/recorded-cases.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')
const CHECKPOINT = join(FIXTURES, 'eagle/x5-vicuna-s160/checkpoint')
const scratch = mkdtempSync(join(tmpdir(), 'aerie-bench-'))
after(() => rmSync(scratch, { recursive: true }))

it('measures the whole by way of the queue, and each tower alone, and writes the table', () => {
  const page = join(scratch, 'page.md')
  writeFileSync(page, '<!-- bench encoder:start -->\n<!-- bench encoder:end -->\n')
  const args = ['--pictures', '3', '--rounds', '1', '--threads', '1', '--markdown', page, '--json']
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [AERIE, 'bench', 'encoder', CHECKPOINT, ...args],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
  const { size, whole, towers } = JSON.parse(stdout)
  assert.equal(size, 160)
  assert.deepEqual(
    towers.map(({ name }: { name: string }) => name),
    ['clip', 'convnext', 'sam', 'eva', 'pix2struct'],
  )
  // The first of three finds the worker idle, the others share a run.
  assert.equal(whole.runs, 2)
  const inTowers = towers.reduce(
    (sum: number, { parameters }: { parameters: number }) => sum + parameters,
    0,
  )
  // The projector is nobody's: 136 channels to 48, and 48 to 48.
  assert.equal(whole.parameters - inTowers, 136 * 48 + 48 + 48 * 48 + 48)
  for (const part of [whole, ...towers]) {
    for (const key of ['loadSeconds', 'seconds', 'cpuSeconds', 'secondsOfSeveral'])
      assert.ok(part[key] > 0, `${part.name}: ${key}`)
    assert.ok(part.peakBytes > 50e6, part.name)
  }
  assert.match(readFileSync(page, 'utf8'), /^\| pix2struct \| [^|]+ M \|.*\n\| all \| /m)
})

it('refuses a model that sees nothing', () => {
  const text = join(FIXTURES, 'decoders/qwen2/checkpoint')
  const { status, stderr } = spawnSync(process.execPath, [AERIE, 'bench', 'encoder', text], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.match(stderr, /expected a model that answers about pictures/)
})

it('has a checkpoint of its own in the shapes of Eagle-X5-7B', async () => {
  const { graphs, preprocessing, limits } = await modelConfig(EAGLE_X5_EYES, 'config.json')
  const count = graphs
    .encoder!.weights.filter(({ derived }) => !derived)
    .reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0)
  assert.equal((count / 1e9).toFixed(2), '2.32')
  assert.deepEqual(
    [preprocessing!.size, limits.tokensPerTile, limits.hiddenSize],
    [1024, 1024, 4096],
  )
})
