/** The benchmarks as a person starts them, small, against the shipped model. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, it } from 'node:test'
import { writeRandomPictureModel } from '../../src/bench/random-picture-model.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')
const folder = mkdtempSync(join(tmpdir(), 'aerie-bench-'))
after(() => rmSync(folder, { recursive: true }))

const aerie = (...args: string[]) =>
  spawnSync(process.execPath, [AERIE, ...args], { encoding: 'utf8' })

it('bench serve starts a server, asks it at each level, and writes report and plot', () => {
  const page = join(folder, 'performance.md')
  writeFileSync(page, '# Speed\n<!-- bench:start -->\n<!-- bench:end -->\n')
  const args = [
    '--clients',
    '1,3',
    '--requests',
    '6',
    '--max-tokens',
    '8',
    '--json',
    '--markdown',
    page,
  ]
  const { status, stdout, stderr } = aerie('bench', 'serve', ...args)
  assert.equal(status, 0, stderr)
  const result = JSON.parse(stdout) as {
    ready_ms: number
    throughput_ratio: number
    levels: Record<string, number>[]
  }
  assert.ok(result.ready_ms > 0)
  assert.ok(result.throughput_ratio > 0)
  assert.deepEqual(
    result.levels.map((level) => [level['max_concurrency'], level['completed'], level['failed']]),
    [
      [1, 6, 0],
      [3, 6, 0],
    ],
  )
  for (const level of result.levels) {
    assert.ok(level['total_input_tokens']! >= 6 * 100, 'every request carries a picture')
    assert.equal(level['total_output_tokens'], 6 * 8)
    assert.ok(level['median_ttft_ms']! > 0)
    assert.equal(typeof level['p99_event_loop_delay_ms'], 'number')
  }
  assert.match(readFileSync(page, 'utf8'), /\| 3 \| \d+\.\d \|/)
  assert.match(readFileSync(join(folder, 'performance.svg'), 'utf8'), /^<svg /)
})

it('bench caches counts what two tenants and a restart have encoded again: nothing, that was known', async () => {
  const model = join(folder, 'random')
  await writeRandomPictureModel(model, { imageSize: 64, layers: 2, hidden: 64 })
  const args = ['--pictures', '2', '--most', '1000', '--json']
  const { status, stdout, stderr } = aerie('bench', 'caches', model, ...args)
  assert.equal(status, 0, stderr)
  const { readings } = JSON.parse(stdout) as {
    readings: { what: string; ttftMs: number[]; encoded: number; fromDisk: number }[]
  }
  assert.deepEqual(
    readings.map(({ encoded, fromDisk }) => [encoded, fromDisk]),
    [
      [2, 0],
      [0, 0],
      [2, 0],
      [0, 2],
      [0, 0],
    ],
  )
  assert.ok(readings.every(({ ttftMs }) => ttftMs.length === 2 && ttftMs.every((ms) => ms > 0)))
})

it('bench soak compares memory and counts what is left over', () => {
  const { stdout, stderr } = aerie('bench', 'soak', '--requests', '30', '--clients', '3', '--json')
  const result = JSON.parse(stdout) as Soaked
  assert.equal(result.requests, 30)
  assert.equal(result.failed, 0, stderr)
  assert.equal(result.first_error, null)
  assert.equal(result.left_over['aerie_sequences_running'], 0)
  assert.ok(result.rss_at_end_bytes > 50e6)
  assert.ok(result.server_rss_limit_bytes.kv === 256 * 2 ** 20)
})

interface Soaked {
  readonly requests: number
  readonly failed: number
  readonly first_error: string | null
  readonly rss_at_end_bytes: number
  readonly server_rss_limit_bytes: { readonly kv: number }
  readonly left_over: Readonly<Record<string, number>>
}

it('bench soak refuses flags that it would not heed', () => {
  for (const [args, complaint] of [
    [['--minutes', '1'], /--minutes: only of --mix/],
    [['--mix', '--requests', '20'], /--requests: --mix goes on for --minutes/],
    [['--mix', '--question', 'x'], /--question: --mix has questions of its own/],
    [['starter', '--url', 'http://127.0.0.1:1'], /--url: that server has its model already/],
  ] as const) {
    const { status, stderr } = aerie('bench', 'soak', ...args)
    assert.equal(status, 2)
    assert.match(stderr, complaint)
  }
})

const PYTHONS = ['python3', 'python'].filter(
  (python) => spawnSync(python, ['-c', 'import PIL']).status === 0,
)

it('bench media measures every stage, without Pillow too', () => {
  const args = ['--rounds', '1', '--size', '64', '--python', join(folder, 'none'), '--json']
  const { status, stdout, stderr } = aerie('bench', 'media', ...args)
  assert.equal(status, 0, stderr)
  assert.match(stderr, /without Pillow: /)
  const { pillow, pictures } = JSON.parse(stdout) as {
    pillow: string | null
    pictures: { name: string; times: Record<string, number>; pillow: null; same_pixels: null }[]
  }
  assert.equal(pillow, null)
  assert.equal(pictures.length, 8)
  assert.match(pictures.at(-1)!.name, /^4000×3000 jpeg, \d+ kB$/)
  for (const { times, ...rest } of pictures) {
    assert.deepEqual(Object.keys(times), ['dataUri', 'open', 'decode', 'resize', 'plainResize'])
    assert.ok(times['decode']! > 0)
    assert.deepEqual([rest.pillow, rest.same_pixels], [null, null])
  }
})

it('bench media makes the same pixels as Pillow and writes the table', {
  skip: PYTHONS.length === 0 && 'needs Python with Pillow (apt install python3-pil)',
}, () => {
  const page = join(folder, 'media.md')
  writeFileSync(page, '<!-- bench:start -->\n<!-- bench:end -->\n')
  const args = ['--rounds', '1', '--python', PYTHONS[0]!, '--markdown', page]
  const { status, stderr } = aerie('bench', 'media', ...args)
  assert.equal(status, 0, stderr)
  const lines = readFileSync(page, 'utf8').split('\n')
  assert.equal(lines.filter((line) => line.endsWith('× | yes |')).length, 8)
})

it('bench serve fails in one line when there is no server', () => {
  const { status, stdout, stderr } = aerie('bench', 'serve', '--url', 'http://127.0.0.1:65000')
  assert.notEqual(status, 0)
  assert.equal(stdout, '')
  assert.match(stderr, /^aerie: [^\n]*127\.0\.0\.1:65000[^\n]*\n$/)
})
