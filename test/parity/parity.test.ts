/** `aerie parity` as a person runs it: right cases pass, and nothing wrong does. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { BACKENDS_HERE } from '../support/backends.ts'
import { recordedCase } from '../support/recorded-cases.ts'
import { relativeError } from '../support/relative-error.ts'
import { readSafetensors, safetensorsBytes, writeSafetensors } from '../support/safetensors-file.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')
const FIXTURES = resolve(import.meta.dirname, '../fixtures')
const CASES = join(FIXTURES, 'decoders')
/** What `test/fixtures` had no room for. */
const ELSEWHERE = [
  'decoders/llama-plain',
  'eagle2/eagle2-siglip',
  'radio/phi-s',
  'vila/nvila-lite-dynamic',
  'vila/vila15-s2',
]
const scratch = mkdtempSync(join(tmpdir(), 'aerie-parity-'))
after(() => rmSync(scratch, { recursive: true }))

const parity = (...args: string[]) =>
  spawnSync(process.execPath, [AERIE, 'parity', ...args], { encoding: 'utf8' })

interface Report {
  readonly case: string
  readonly stages: { name: string; verdict: string; relative?: number; note?: string }[]
}

/** A copy of a case with some tensors changed; expected.safetensors is float32 throughout then. */
function changed(name: string, change: (tensors: Map<string, Float32Array>) => void): string {
  const folder = join(mkdtempSync(join(scratch, 'case-')), name)
  cpSync(join(CASES, name), folder, { recursive: true })
  const file = join(folder, 'expected.safetensors')
  const stored = safetensorsBytes(file)
  const values = readSafetensors(file)
  change(values)
  writeSafetensors(
    file,
    Object.fromEntries(
      [...values].map(([tensor, data]) => [
        tensor,
        { shape: stored.get(tensor)?.shape ?? [data.length], values: data },
      ]),
    ),
  )
  return folder
}

const verdicts = (folder: string) => {
  const { status, stdout, stderr } = parity(folder, '--json')
  assert.equal(stderr, '')
  const { stages } = JSON.parse(stdout) as Report
  return { status, bad: stages.filter(({ verdict }) => !['equal', 'close'].includes(verdict)) }
}

describe('aerie parity', () => {
  it('compares every tensor of every case on every backend', () => {
    const page = join(scratch, 'parity.md')
    const { status, stdout, stderr } = parity(
      ...[FIXTURES, '--backend', BACKENDS_HERE.join(), '--json', '--markdown', page],
    )
    assert.equal(status, 0, stderr)
    const reports = JSON.parse(stdout) as Report[]
    // Folder by folder, as a walk comes by them: `vila` and all below it before `vila-u`.
    const inOrder = (path: string) => path.replaceAll('/', '\0')
    const folders = globSync('**/expected.json', { cwd: FIXTURES })
      .map((file) => dirname(join(FIXTURES, file)))
      .sort((a, b) => (inOrder(a) < inOrder(b) ? -1 : 1))
    assert.ok(folders.length >= 11)
    assert.equal(reports.length, BACKENDS_HERE.length * folders.length)
    const rows = readFileSync(page, 'utf8').match(/^\| .*\d.* \|$/gm)
    assert.equal(rows?.length, reports.length, 'a row a case and backend')
    folders.forEach((folder, i) => {
      const file = join(folder, 'expected.safetensors')
      const recorded = existsSync(file) ? [...readSafetensors(file).keys()] : []
      for (const { stages } of reports.slice(
        BACKENDS_HERE.length * i,
        BACKENDS_HERE.length * (i + 1),
      )) {
        const compared = new Set(stages.map(({ name }) => name))
        assert.ok(compared.size > 0)
        for (const name of recorded) assert.ok(compared.has(name), `${folder}: ${name}`)
        for (const { name, verdict, note } of stages) {
          const isRight =
            ['equal', 'close'].includes(verdict) || (verdict === 'left out' && note !== undefined)
          assert.ok(isRight, `${folder}: ${name} is ${verdict}`)
        }
      }
    })
  })

  for (const place of ELSEWHERE) {
    const { folder, skip } = recordedCase(place)
    it(`compares every tensor of a case that is not kept here: ${place}`, { skip }, () => {
      const { status, stdout, stderr } = parity(folder, '--backend', BACKENDS_HERE.join(), '--json')
      assert.equal(status, 0, stderr)
      const reports = JSON.parse(stdout) as Report[]
      const recorded = [...readSafetensors(join(folder, 'expected.safetensors')).keys()]
      for (const { stages } of reports) {
        const compared = new Set(stages.map(({ name }) => name))
        assert.deepEqual(
          recorded.filter((name) => !compared.has(name)),
          [],
        )
      }
    })
  }

  it('fails when a row that is kept of a cut tensor is wrong, and when `cut` says other rows', () => {
    const folder = changed('qwen3', (tensors) => {
      tensors.get('long.prefill_logits')![400] = 9
    })
    const { status, bad } = verdicts(folder)
    assert.deepEqual([status, bad.map(({ name }) => name)], [1, ['long.prefill_logits']])
    const file = join(folder, 'expected.json')
    const { cut, ...expected } = JSON.parse(readFileSync(file, 'utf8'))
    assert.ok(cut['long.prefill_logits'].every > 1)
    cut['long.prefill_logits'].of += 40
    writeFileSync(file, JSON.stringify({ ...expected, cut }))
    const refused = parity(folder)
    assert.notEqual(refused.status, 0)
    assert.match(
      refused.stderr,
      /^aerie: cut\.long\.prefill_logits: \{.*\} does not give the 3 rows/,
    )
  })

  it('fails and names the stage when one number is wrong', () => {
    const folder = changed('qwen3', (tensors) => {
      tensors.get('long.hidden1')![5]! += 0.1
    })
    const { status, bad } = verdicts(folder)
    assert.equal(status, 1)
    assert.deepEqual(
      bad.map(({ name, verdict }) => [name, verdict]),
      [['long.hidden1', 'different']],
    )
    assert.ok(bad[0]!.relative! > 1e-4)
  })

  it('fails when a tensor of the case was not compared', () => {
    const folder = changed('qwen3', (tensors) => {
      tensors.set('long.surprise', Float32Array.of(1, 2))
    })
    const { status, bad } = verdicts(folder)
    assert.deepEqual(
      [status, bad],
      [1, [{ name: 'long.surprise', shape: [2], verdict: 'not compared' }]],
    )
  })

  it('fails and shows where it differs when a text or id is wrong', () => {
    const folder = join(mkdtempSync(join(scratch, 'case-')), 's2')
    cpSync(join(FIXTURES, 'vila/nvila-dynamic-s2'), folder, { recursive: true })
    const file = join(folder, 'expected.json')
    const text = readFileSync(file, 'utf8').replace(
      '<image>and<image>Compare',
      '<image>and Compare',
    )
    writeFileSync(file, text)
    const { status, bad } = verdicts(folder)
    assert.equal(status, 1)
    assert.deepEqual(
      bad.map(({ name }) => name),
      ['r3.rendered_text'],
    )
    assert.match(bad[0]!.note!, /^ours has .*<image>Compare/)
  })

  it('is not fooled by NaN', () => {
    const folder = changed('qwen3', (tensors) => {
      tensors.get('long.layer0_mlp')![0] = Number.NaN
    })
    assert.equal(verdicts(folder).status, 1)
  })

  it('writes what was computed under the names of the case', () => {
    const file = join(scratch, 'dump.safetensors')
    const { status, stderr } = parity(join(CASES, 'mistral-swa'), '--dump', file)
    assert.equal(status, 0, stderr)
    const [dumped, recorded] = [file, join(CASES, 'mistral-swa/expected.safetensors')].map(
      readSafetensors,
    )
    assert.deepEqual([...dumped!.keys()].sort(), [...recorded!.keys()].sort())
    for (const [name, values] of recorded!)
      assert.ok(relativeError(dumped!.get(name)!, values) < 1e-4, name)
  })

  it('writes a page of its own for quantised cases, with the logits of prompts beside the furthest tensor', () => {
    const page = join(scratch, 'quantised.md')
    const { status, stderr } = parity(
      ...[join(CASES, 'qwen3'), '--quantize', 'int8', '--markdown', page],
    )
    assert.equal(status, 0, stderr)
    const text = readFileSync(page, 'utf8')
    assert.match(text, /^# Parity of int8 in groups of 32\n/)
    const row =
      /^\| text decoder \| qwen3 \| 23 \| 0 \| 0 \| (\S+) \| (\S+) `[\w.]+` \| {2}\|$/m.exec(text)
    const [logits, furthest] = row!.slice(1).map(Number)
    assert.ok(logits! > 1e-4 && furthest! >= logits!, row![0])
  })

  it('compares a table row by row, and writes its own', () => {
    const folder = join(mkdtempSync(join(scratch, 'case-')), 'grid_rule')
    cpSync(join(FIXTURES, 'eagle2/grid_rule'), folder, { recursive: true })
    const file = join(scratch, 'table.safetensors')
    assert.equal(parity(folder, '--dump', file).status, 0)
    const rows = JSON.parse(gunzipSync(readFileSync(join(folder, 'rows.json.gz'))).toString())
    assert.deepEqual([...readSafetensors(file).get('rows')!], rows.flat())
    rows[1234][6] += 1
    writeFileSync(join(folder, 'rows.json.gz'), gzipSync(JSON.stringify(rows)))
    const { status, bad } = verdicts(folder)
    assert.equal(status, 1)
    assert.deepEqual(
      bad.map(({ name, note }) => [name, note?.startsWith(`element ${1234 * 11 + 6} is`)]),
      [['rows', true]],
    )
  })

  it('says in one line what is wrong with a folder', () => {
    const empty = mkdtempSync(join(scratch, 'empty-'))
    const strange = mkdtempSync(join(scratch, 'strange-'))
    writeFileSync(join(strange, 'expected.json'), '{}')
    writeSafetensors(join(strange, 'expected.safetensors'), { x: { shape: [1], values: [1] } })
    for (const [args, message] of [
      [[empty], /^aerie: .*there is no expected\.json in it or below/],
      [[strange], /^aerie: .*no family's cases are laid out like this one/],
      [[], /^aerie: expected a case folder/],
      [[CASES, '--dump', 'x'], /^aerie: --dump is for one case/],
      [[join(empty, 'nowhere')], /^aerie: .*ENOENT/],
      [[join(CASES, 'qwen3'), '--backend', 'abacus'], /^aerie: backend "abacus" is not known/],
    ] as const) {
      const { status, stdout, stderr } = parity(...args)
      assert.notEqual(status, 0)
      assert.equal(stdout, '')
      assert.match(stderr, message)
      assert.equal(stderr.trim().split('\n').length, 1)
    }
  })
})
