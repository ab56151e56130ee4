import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import type { BenchResult } from '../../src/bench/measure.ts'
import { asJson, asMarkdown, asPlot, asTable, insert } from '../../src/bench/report.ts'
import { spread } from '../../src/bench/summary.ts'

const level = (clients: number, throughput: number): BenchResult['levels'][number] => ({
  summary: {
    max_concurrency: clients,
    pictures: 'distinct',
    duration: 10,
    completed: 100,
    failed: 0,
    first_error: null,
    total_input_tokens: 11_000,
    total_output_tokens: 900,
    request_throughput: throughput,
    output_throughput: 90,
    total_token_throughput: 1190,
    ttft_ms: spread([40, 50, 60]),
    tpot_ms: spread([3, 4, 5]),
    itl_ms: spread([3, 4, 5]),
    e2el_ms: spread([70, 80, 90]),
  },
  eventLoopDelayP99Ms: 1.25,
})

const result: BenchResult = {
  date: '2026-01-02',
  model: 'starter',
  question: 'describe the picture.',
  maxTokens: 64,
  answers: 'exact',
  loadAverage: 0.25,
  readyMs: 1234,
  levels: [level(1, 10), level(16, 35)],
}

describe('a benchmark report', () => {
  it('as a table has a row for each number of clients, and the ratio', () => {
    const text = asTable(result)
    const rows = text.split('\n')
    assert.match(rows[1]!, /^1 +10\.0 .* 50 \/ 60 \/ 60 /)
    assert.match(text, /Throughput at 16 clients is 3\.50 times that of 1\./)
    assert.match(text, /to ready: 1\.23 s/)
  })

  it('as JSON has the names of the benchmarks people know', () => {
    const json = JSON.parse(asJson(result)) as Record<string, unknown> & {
      levels: Record<string, unknown>[]
    }
    assert.equal(json['throughput_ratio'], 3.5)
    assert.equal(json['ready_ms'], 1234)
    assert.equal(json.levels[1]!['max_concurrency'], 16)
    assert.equal(json.levels[1]!['median_ttft_ms'], 50)
    assert.equal(json.levels[1]!['p99_event_loop_delay_ms'], 1.25)
  })

  it('says when something failed', () => {
    const failed = level(4, 1)
    const summary = { ...failed.summary, failed: 2, first_error: 'status 500' }
    assert.match(
      asTable({ ...result, levels: [{ ...failed, summary }] }),
      /First failure: status 500/,
    )
  })

  it('as Markdown names date, machine and setting, and replaces what lies between the markers', () => {
    const markdown = asMarkdown(result, 'docs/performance.svg')
    assert.match(markdown, /^2026-01-02, .* cores/)
    assert.match(markdown, /\| 16 \| 35\.0 \|/)
    assert.match(markdown, /\(performance\.svg\)/)
    const page = insert('before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n', 'new')
    assert.equal(page, 'before\n<!-- bench:start -->\nnew\n<!-- bench:end -->\nafter\n')
    assert.throws(() => insert('no markers', 'new'), /bench:start/)
  })

  it('as a plot is a picture that can be drawn, also of nothing', async () => {
    const { width, format } = await sharp(Buffer.from(asPlot(result))).metadata()
    assert.deepEqual([width, format], [640, 'svg'])
    assert.doesNotMatch(asPlot({ ...result, levels: [level(1, 0)] }), /NaN|Infinity/)
  })
})
