import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LoadPlan, RequestRecord } from '../../src/bench/load.ts'
import { parseMetrics } from '../../src/bench/metrics-page.ts'
import { flatten, spread, summarise } from '../../src/bench/summary.ts'

const plan: LoadPlan = {
  url: 'http://127.0.0.1:1',
  apiKey: undefined,
  model: 'm',
  question: 'q',
  maxTokens: 8,
  answers: 'natural',
  clients: 4,
  requests: 3,
  pictures: 'distinct',
  seed: 1,
  firstPicture: 0,
}

const record = (fields: Partial<RequestRecord>): RequestRecord => ({
  startMs: 0,
  ttftMs: 100,
  gapsMs: [],
  totalMs: 100,
  promptTokens: 110,
  completionTokens: 1,
  error: undefined,
  ...fields,
})

describe('percentiles', () => {
  it('are values that occurred, by nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i)
    assert.deepEqual(spread(values), { mean: 50.5, p50: 50, p95: 95, p99: 99 })
    assert.deepEqual(spread([7]), { mean: 7, p50: 7, p95: 7, p99: 7 })
  })

  it('of nothing are zero', () => {
    assert.deepEqual(spread([]), { mean: 0, p50: 0, p95: 0, p99: 0 })
  })
})

describe('a summary', () => {
  const records = [
    record({ ttftMs: 100, totalMs: 400, completionTokens: 4, gapsMs: [100, 100, 100] }),
    record({ ttftMs: 200, totalMs: 200, completionTokens: 1 }),
    record({ error: 'status 429: busy', promptTokens: 0, completionTokens: 0, ttftMs: undefined }),
  ]
  const summary = summarise(plan, { durationMs: 2000, records })

  it('counts failed requests as failed and in nothing else', () => {
    assert.equal(summary.completed, 2)
    assert.equal(summary.failed, 1)
    assert.equal(summary.first_error, 'status 429: busy')
    assert.equal(summary.ttft_ms.mean, 150)
  })

  it('takes throughput over the wall clock', () => {
    assert.equal(summary.request_throughput, 1)
    assert.equal(summary.output_throughput, 2.5)
    assert.equal(summary.total_token_throughput, (220 + 5) / 2)
  })

  it('takes time per output token after the first; an answer of one token has none', () => {
    assert.deepEqual(summary.tpot_ms, { mean: 100, p50: 100, p95: 100, p99: 100 })
  })

  it("flattens to vLLM's names", () => {
    const flat = flatten(summary)
    for (const name of [
      'mean_ttft_ms',
      'median_ttft_ms',
      'p99_tpot_ms',
      'p95_itl_ms',
      'p99_e2el_ms',
    ]) {
      assert.equal(typeof flat[name], 'number', name)
    }
    assert.equal(flat['request_throughput'], 1)
    assert.equal(flat['max_concurrency'], 4)
  })
})

it('a metrics page is read by name and labels', () => {
  const page = parseMetrics('# HELP a b\n# TYPE a gauge\na 1\nb{quantile="0.99"} 2.5e-3\nc NaN\n\n')
  assert.equal(page.get('a'), 1)
  assert.equal(page.get('b{quantile="0.99"}'), 0.0025)
  assert.ok(Number.isNaN(page.get('c')))
  assert.equal(page.size, 3)
})
