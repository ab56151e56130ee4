/** `aerie bench engine` as a person starts it, on a decoder of two layers; a small program plays the Python with the peers. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, it } from 'node:test'
import { chooseBackend } from '../../src/engine/backends/choose.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')
const folder = mkdtempSync(join(tmpdir(), 'aerie-bench-engine-'))
after(() => rmSync(folder, { recursive: true }))

const PYTHON = join(folder, 'python')
/** llama.cpp is fast, OpenVINO cannot convert, onnxruntime-genai ends at the first question. */
writeFileSync(
  PYTHON,
  `#!${process.execPath}
import { createInterface } from 'node:readline'
const say = (message) => console.log(JSON.stringify(message))
const [, action, peer] = process.argv.slice(2)
if (action === 'convert') {
  if (peer === 'openvino') {
    console.error('ModuleNotFoundError: No module named optimum')
    process.exit(1)
  }
} else {
  say({ type: 'loaded', engine: peer, settings: 'a script', weightBytes: 1000 })
  createInterface(process.stdin).on('line', (line) => {
    if (peer === 'onnxruntime-genai') process.exit(9)
    const { kind, tokens, batch, steps } = JSON.parse(line)
    say({ type: 'ran', tokens: kind === 'prefill' ? tokens : batch * steps, seconds: 1e-6 })
  })
}
`,
  { mode: 0o755 },
)

const reported = (files: string) =>
  spawnSync(process.execPath, [AERIE, 'bench', 'engine', '--from', files], { encoding: 'utf8' })

const bench = (...args: string[]) =>
  spawnSync(
    process.execPath,
    [AERIE, 'bench', 'engine', '--shapes', 'tiny', '--cache', join(folder, 'cache'), ...args],
    { encoding: 'utf8' },
  )

it('measures ours alone, and writes every figure, the report and the plot', () => {
  const json = join(folder, 'engine.json')
  const page = join(folder, 'performance.md')
  writeFileSync(page, '# Speed\n<!-- bench engine:start -->\n<!-- bench engine:end -->\nafter\n')
  const args = ['--rounds', '2', '--steps', '2', '--clients', '2']
  const scale = ['--sequences', '1,2', '--contexts', '32,4096,5000']
  const { status, stdout, stderr } = bench(
    ...[...args, ...scale, '--python', join(folder, 'none'), '--json', json, '--markdown', page],
  )
  assert.equal(status, 0, stderr)
  const report = JSON.parse(readFileSync(json, 'utf8'))
  assert.deepEqual(
    [report.backend, report.rounds, report.leftOut, report.accuracy],
    [chooseBackend('auto', {}).name, 2, [], null],
  )
  const { source, threads, ...limits } = report.limits
  assert.match(source, /^the native runtime \(/)
  assert.equal(threads, report.threads)
  for (const limit of Object.values(limits)) assert.ok(Number(limit) > 1e8, JSON.stringify(limits))
  const [model] = report.models
  assert.equal(model.name, 'tiny')
  assert.deepEqual(
    model.contestants.map(({ name }: { name: string }) => name),
    ['Aerie int4-pure-32', 'Aerie int4-pure-128', 'Aerie int4-32'],
  )
  for (const { figures, bitsPerWeight, failure } of model.contestants) {
    assert.equal(failure, null)
    // int4 with a scale a group, and what is delicate in int8.
    assert.ok(bitsPerWeight > 4.2 && bitsPerWeight < 7, String(bitsPerWeight))
    assert.deepEqual(
      figures.map(
        ({ name, seconds, tokens }: { name: string; seconds: number[]; tokens: number }) => [
          name,
          seconds.length,
          tokens,
        ],
      ),
      [
        ['prefill 512', 2, 512],
        ['decode at 64', 2, 2],
        ['decode at 1024', 2, 2],
        ['decode 8 × at 64', 2, 16],
      ],
    )
  }
  assert.deepEqual(
    report.chats.map(({ what }: { what: string }) => /picture|texts/.exec(what)?.[0]),
    ['picture', 'texts'],
  )
  for (const { servers, ratio } of report.chats) {
    const [ours] = servers
    assert.deepEqual([ours.name, ours.failed, ours.tokensPerAnswer], ['Aerie', 0, 64])
    assert.ok(ours.ttftMs.p50 > 0 && ours.ttftMs.p95 >= ours.ttftMs.p50)
    assert.equal(ratio, null)
  }
  // The longest is as long as the model allows, and one that it does not allow is named.
  assert.deepEqual(
    report.scale.points.map((point: { sequences: number; context: number }) => [
      point.sequences,
      point.context,
    ]),
    [
      [1, 32],
      [2, 32],
      [1, 4096 - 4],
      [2, 4096 - 4],
    ],
  )
  assert.deepEqual(report.scale.missing, [
    'decode at 5000, decode 2 × at 5000: the model has 4096 positions',
  ])
  const written = readFileSync(page, 'utf8')
  assert.match(written, /\| Aerie int4-pure-128 \| \d/)
  assert.match(written, /\nafter\n$/)
  assert.match(readFileSync(join(folder, 'performance-engine.svg'), 'utf8'), /^<svg /)

  const again = reported(json)
  assert.equal(again.status, 0, again.stderr)
  assert.equal(again.stdout, stdout)
  // The same part once more, of another day.
  const later = join(folder, 'later.json')
  writeFileSync(later, JSON.stringify({ ...report, date: '2030-01-01', models: [] }))
  const merged = reported(`${json},${later}`)
  assert.equal(merged.status, 0, merged.stderr)
  assert.match(merged.stdout, /^20\d\d-\d\d-\d\d to 2030-01-01, .* 2 runs,/)
  assert.ok(merged.stdout.endsWith(stdout.slice(stdout.indexOf('\ntiny, '))))
  writeFileSync(later, JSON.stringify({ ...report, threads: 99 }))
  const refused = reported(`${json},${later}`)
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /--from .*later\.json: threads is 99, in .*engine\.json \d/)
})

it('measures peers in turns with ours, and names those that fail', () => {
  const json = join(folder, 'peers.json')
  const { status, stdout, stderr } = bench(
    ...['--peers', '--python', PYTHON, '--parts', 'decode'],
    ...['--rounds', '1', '--steps', '2', '--json', json],
  )
  assert.equal(status, 1, stderr)
  const { models, leftOut, limits } = JSON.parse(readFileSync(json, 'utf8'))
  assert.match(limits.source, /^the native runtime/)
  assert.deepEqual(
    leftOut.map(({ peer, model }: { peer: string; model: string }) => [peer, model]),
    [
      ['openvino', 'tiny'],
      ['onnxruntime-genai', 'tiny'],
    ],
  )
  assert.match(leftOut[0].reason, /openvino, converting: .*No module named optimum/)
  assert.match(leftOut[1].reason, /prefill 512: ended with exit code 9/)
  assert.equal(models[0].ratios.length, 3 * 4)
  for (const { peer, best } of models[0].ratios) {
    assert.equal(peer, 'llama.cpp')
    assert.ok(best > 0 && best < 1)
  }
  assert.match(stdout, /Left out of tiny: openvino\. /)
})

it('refuses what it does not know by name', () => {
  const says = (args: string[], message: RegExp) => {
    const { status, stderr } = bench(...args)
    assert.equal(status, 2)
    assert.match(stderr, message)
  }
  says(['--peers', 'vllm'], /--peers: expected all or some of llama\.cpp,.* got 'vllm'/)
  says(['--parts', 'speed'], /--parts: expected some of decode,.* got 'speed'/)
  says(['--backend', 'fast'], /backend/)
  const measuring = { json: 'x.json', rounds: '2', sequences: '1,2', limit: '9', backend: 'onnx' }
  for (const [name, value] of Object.entries(measuring))
    says(['--convert-only', `--${name}`, value], new RegExp(`--${name}: --convert-only measures`))
  says(
    ['--convert-only', '--gguf', 'model.gguf'],
    /--gguf: --convert-only makes models of --shapes alone/,
  )
  const other = join(folder, 'other.json')
  writeFileSync(other, '{}')
  const { status, stderr } = reported(other)
  assert.equal(status, 1)
  assert.match(stderr, /--from .*other\.json: expected what --json of this version wrote/)
  // Whatever is no part of a report means nothing there.
  says(['--from', other], /--shapes: --from measures nothing/)
  for (const [name, value] of Object.entries({ ...measuring, gguf: 'x', config: 'x.yaml' })) {
    const args = ['bench', 'engine', '--from', other, `--${name}`, value]
    const result = spawnSync(process.execPath, [AERIE, ...args], { encoding: 'utf8' })
    assert.equal(result.status, 2)
    assert.match(result.stderr, new RegExp(`--${name}: --from measures nothing`))
  }
})
