/** What `/metrics` says of a server's parts. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import {
  batches,
  encoder,
  engine,
  files,
  media,
  samples,
  serving,
  tracing,
} from '../support/metric-snapshots.ts'

test('states of engine, encoder, media and files are read once a scrape', async () => {
  let reads = 0
  using metrics = createMetrics(() => {
    reads++
    return { engine, encoder, media, files, batches }
  })
  const first = await samples(metrics)
  assert.equal(reads, 1)
  const expected = {
    aerie_sequences_running: 3,
    aerie_sequences_waiting: 2,
    aerie_kv_blocks_used: 40,
    aerie_kv_blocks_total: 100,
    aerie_state_slots_used: 8,
    aerie_state_slots_cached: 3,
    aerie_state_slots_total: 20,
    aerie_preemptions_total: 1,
    'aerie_tokens_total{kind="prompt"}': 500,
    'aerie_tokens_total{kind="cached"}': 100,
    'aerie_tokens_total{kind="generated"}': 60,
    'aerie_tokens_total{kind="drafted"}': 30,
    'aerie_tokens_total{kind="accepted"}': 20,
    'aerie_kv_cache_info{type="f16"}': 1,
    aerie_batch_size_count: 3,
    aerie_batch_size_sum: 7,
    aerie_encoder_cache_hits_total: 2,
    aerie_encoder_cache_misses_total: 8,
    aerie_encoder_cache_bytes: 4096,
    aerie_encoder_cache_entries: 3,
    aerie_media_waiting: 5,
    aerie_media_running: 2,
    aerie_media_bytes_in_use: 1000,
    aerie_clips_running: 1,
    aerie_clips_spool_bytes: 3000,
    aerie_files: 7,
    'aerie_batches{status="in_progress"}': 2,
    'aerie_batch_lines_total{result="completed"}': 7,
    aerie_batch_lines_running: 12,
    aerie_files_created_total: 9,
    // Of files and of batches.
    aerie_database_connections: 5,
    aerie_database_waiting: 3,
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(first.get(name), value, name)
  // What the owner counts from start is not added up again; batch sizes are new in each snapshot.
  const second = await samples(metrics)
  assert.equal(second.get('aerie_preemptions_total'), 1)
  assert.equal(second.get('aerie_tokens_total{kind="generated"}'), 60)
  assert.equal(second.get('aerie_batch_size_count'), 6)
})

test('a part that is not there has no samples, rather than zeros', async () => {
  using metrics = createMetrics(() => ({
    engine,
    encoder: undefined,
    media: undefined,
    files: undefined,
  }))
  const names = [...(await samples(metrics)).keys()]
  assert.ok(names.includes('aerie_sequences_running'))
  assert.ok(!names.some((name) => /aerie_(encoder|media|files?)_/.test(name)))
})

test('a decoder without recurrent states has no samples of them', async () => {
  const plain = { ...engine, stateSlotsUsed: 0, stateSlotsCached: 0, stateSlotsTotal: 0 }
  using metrics = createMetrics(() => ({ engine: plain, encoder, media, files, batches }))
  const names = [...(await samples(metrics)).keys()]
  assert.deepEqual(
    names.filter((name) => name.startsWith('aerie_state_')),
    [],
  )
})

test('every sample of ours has a help text, and process figures are there too', async () => {
  using metrics = createMetrics(() => ({ engine, encoder, media, files, batches }))
  const text = await metrics.render()
  assert.match(text, /^process_resident_memory_bytes \d+$/m)
  for (const [, name] of text.matchAll(/^# TYPE (aerie_\w+)/gm)) {
    assert.match(text, new RegExp(`^# HELP ${name} [A-Z].*\\.$`, 'm'))
  }
})

test('a blocked event loop shows as delay, and stays visible for whoever asks next', async () => {
  using metrics = createMetrics(() => ({
    engine: undefined,
    encoder: undefined,
    media: undefined,
    files: undefined,
  }))
  await delay(50)
  const end = performance.now() + 120
  while (performance.now() < end);
  await delay(50)
  for (let reader = 0; reader < 2; reader++) {
    const now = await samples(metrics)
    const worst = now.get('aerie_event_loop_delay_seconds{quantile="1"}') ?? 0
    assert.ok(worst > 0.08 && worst < 60, `${worst} s`)
  }
})

test('docs/api.md lists every sample of ours, and no other', async () => {
  using metrics = createMetrics(() => ({ engine, encoder, media, files, batches }))
  const ours = [...(await metrics.render()).matchAll(/^# TYPE (aerie_\w+)/gm)].map(
    ([, name]) => name,
  )
  const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf('## Metrics'))
  const documented = [...section.matchAll(/`(aerie_\w+)/g)].map(([, name]) => name)
  assert.deepEqual(documented.toSorted(), ours.toSorted())
})

test('each model has its samples, by its configured name', async () => {
  using metrics = createMetrics(() => ({ engine, encoder, media, files, serving }))
  const now = await samples(metrics)
  const of = (name: string, more = '') => now.get(`${name}{model="echo"${more}}`)
  assert.deepEqual(
    ['unloaded', 'loading', 'loaded', 'unloading', 'failed'].map((state) =>
      of('aerie_model_state', `,state="${state}"`),
    ),
    [0, 0, 1, 0, 0],
  )
  assert.equal(of('aerie_model_bytes'), 700)
  assert.equal(of('aerie_model_leases'), 2)
  assert.equal(of('aerie_model_loads_total'), 4)
  assert.equal(of('aerie_model_load_failures_total'), 1)
  assert.equal(of('aerie_model_load_seconds_total'), 0.5)
  assert.equal(of('aerie_model_evictions_total', ',why="memory"'), 0)
})

test('models without a bound have no sample of one', async () => {
  const unbounded = { ...serving, maxBytes: Infinity }
  using metrics = createMetrics(() => ({ engine, encoder, media, files, serving: unbounded }))
  const now = await samples(metrics)
  assert.equal(now.get('aerie_models_bytes'), 700)
  assert.equal(now.get('aerie_models_bytes_max'), undefined)
})

test('spans are counted by what became of them', async () => {
  using metrics = createMetrics(() => ({ engine, encoder, media, files, batches, tracing }))
  for (let reader = 0; reader < 2; reader++) {
    const now = await samples(metrics)
    for (const outcome of ['sent', 'failed', 'dropped'] as const)
      assert.equal(now.get(`aerie_trace_spans_total{outcome="${outcome}"}`), tracing[outcome])
  }
})

test('adapters are counted, and absent where there are none', async () => {
  using metrics = createMetrics(() => ({ engine, encoder, media, files: undefined }))
  const now = await samples(metrics)
  const expected = {
    ...{ aerie_adapters_loaded: 2, aerie_adapters_loading: 1, aerie_adapters_loaded_max: 8 },
    ...{ aerie_adapters_bytes: 3000, aerie_adapters_bytes_max: 5000, aerie_adapters_waiting: 4 },
    ...{ aerie_adapters_waiting_max: 144, aerie_adapter_loads_total: 9 },
    ...{ aerie_adapter_evictions_total: 6, aerie_adapter_failures_total: 2 },
    aerie_adapter_load_seconds_total: 1.5,
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(now.get(name), value, name)
  const { adapters: _, ...plain } = engine
  using others = createMetrics(() => ({ engine: plain, encoder, media, files: undefined }))
  const without = await samples(others)
  for (const name of Object.keys(expected)) assert.equal(without.get(name), undefined, name)
})
