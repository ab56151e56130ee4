import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { Snapshot } from '../../src/telemetry/sources.ts'
import { ECHO_MODELS } from '../support/echo-service.ts'
import { statusOf } from '../support/model-directory.ts'

const engine: Snapshot['engine'] = {
  running: 3,
  maxRunning: 16,
  waiting: 2,
  maxWaiting: 128,
  kvBlocksUsed: 40,
  kvBlocksCached: 5,
  kvBlocksCachedMax: 50,
  kvBlocksTotal: 100,
  stateSlotsUsed: 8,
  stateSlotsCached: 3,
  stateSlotsTotal: 20,
  kvCacheType: 'f16',
  steps: 7,
  promptTokens: 500,
  cachedPromptTokens: 100,
  prefixHits: 3,
  prefixMisses: 2,
  prefixEvictions: 1,
  generatedTokens: 60,
  draftedTokens: 30,
  acceptedTokens: 20,
  preemptions: 1,
  adapters: {
    ...{ loaded: ['clerk', 'poet'], loading: 1, waiting: 4, maxLoaded: 8 },
    ...{ bytes: 3000, maxBytes: 5000, loads: 9, evictions: 6, failures: 2, loadMs: 1500 },
  },
  aborted: 4,
  batchSizes: [1, 3, 3],
  grammars: {
    compiled: 22,
    cacheHits: 23,
    refused: 24,
    cached: 25,
    cachedMax: 256,
    cachedBytes: 26,
    cachedBytesMax: 128,
    masksAside: 2,
    masks: 27,
    maskWaits: 28,
    maskWaitMs: 2900,
    steered: 30,
    restarts: 31,
  },
}
const encoder: Snapshot['encoder'] = {
  waiting: 1,
  maxWaiting: 256,
  tilesEncoded: 9,
  runs: 6,
  cacheHits: 2,
  cacheMisses: 8,
  cacheBytes: 4096,
  cacheMaxBytes: 8192,
  sessions: { loaded: 2, max: 4, loads: 9, evictions: 7 },
  cacheEntries: 3,
  cacheEvictions: 6,
  disk: {
    hits: 10,
    misses: 11,
    writes: 12,
    evictions: 13,
    rejected: 14,
    failures: 15,
    skipped: 16,
    entries: 17,
    bytes: 18,
    maxBytes: 19,
    waitingBytes: 20,
    maxWaitingBytes: 21,
  },
}
const media: Snapshot['media'] = {
  waiting: 5,
  maxWaiting: 512,
  fetching: 1,
  maxFetching: 16,
  running: 2,
  workers: 2,
  bytesInUse: 1000,
  maxBytesInUse: 2000,
  clips: {
    waiting: 3,
    maxWaiting: 128,
    fetching: 4,
    maxFetching: 8,
    running: 1,
    workers: 2,
    spoolBytes: 3000,
    maxSpoolBytes: 4000,
  },
}

const batches: Snapshot['batches'] = {
  batches: { in_progress: 2, finalizing: 1 },
  ...{ lines: 40, maxLines: 100, resultBytes: 10, concurrency: 32, limit: 16 },
  ...{ running: 12, ready: 3, completed: 7, failed: 2, failures: 1 },
  database: { open: 2, idle: 1, max: 10, waiting: 2, maxWaiting: 256 },
}

const files: Snapshot['files'] = {
  files: 7,
  bytes: 7000,
  maxBytes: 9000,
  uploads: 1,
  maxUploads: 32,
  created: 9,
  deleted: 1,
  expired: 1,
  orphans: 2,
  failures: 3,
  cache: {
    ...{ entries: 4, bytes: 400, maxBytes: 500, waiting: 6, maxWaiting: 512 },
    ...{ hits: 5, misses: 8, evictions: 1 },
  },
  database: { open: 3, idle: 2, max: 10, waiting: 1, maxWaiting: 256 },
}

/** name{labels} → value. */
async function samples(metrics: { render(): Promise<string> }): Promise<Map<string, number>> {
  const lines = (await metrics.render()).split('\n').filter((line) => line && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))]
    }),
  )
}

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

const serving: Snapshot['serving'] = {
  models: [statusOf(ECHO_MODELS[0]!, { bytes: 700, leases: 2, waiting: 3, loads: 4, failures: 1 })],
  ...{ usedBytes: 700, maxBytes: 1000, maxWaiting: 8 },
}

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

const hearing = {
  speech: {
    ...{ running: 2, maxRunning: 4, waiting: 1, maxWaiting: 8 },
    ...{ windows: 9, retries: 3, aborted: 1, steps: 100, rows: 180 },
  },
  sounds: {
    ...{ running: 1, workers: 2, waiting: 0, maxWaiting: 4, bytesInUse: 10, maxBytesInUse: 20 },
    ...{ decoded: 5, seconds: 61, failed: 1 },
  },
  soundSpool: { bytes: 7, maxBytes: 8 },
}

const tracing = { sent: 5, failed: 2, dropped: 1, waiting: 3, maxWaiting: 4096 }

const responses = {
  ...{ responses: 3, maxResponses: 10, bytes: 300, maxBytes: 1000 },
  ...{ created: 5, deleted: 1, expired: 1, evicted: 0, failures: 0, database: undefined },
}
const background = {
  ...{ running: 1, maxRunning: 4, waiting: 2, maxWaiting: 8, eventBytes: 9, maxEventBytes: 90 },
  ...{ eventsDropped: 0, ended: { completed: 1, incomplete: 0, failed: 0, cancelled: 0 } },
}

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
  const { adapters: _, ...plain } = engine!
  using others = createMetrics(() => ({ engine: plain, encoder, media, files: undefined }))
  const without = await samples(others)
  for (const name of Object.keys(expected)) assert.equal(without.get(name), undefined, name)
})

test('whatever can fill up says how far it may', async () => {
  const own = { engine, encoder, media, files, batches, serving, tracing }
  const all = { ...own, responses, background, ...hearing }
  using metrics = createMetrics(() => all)
  const now = await samples(metrics)
  // What is measured → its bound.
  const bounds = {
    aerie_sequences_running: 'aerie_sequences_running_max',
    aerie_sequences_waiting: 'aerie_sequences_waiting_max',
    aerie_grammars_cached: 'aerie_grammars_cached_max',
    aerie_grammar_cache_bytes: 'aerie_grammar_cache_bytes_max',
    aerie_kv_blocks_used: 'aerie_kv_blocks_total',
    aerie_kv_blocks_cached: 'aerie_kv_blocks_cached_max',
    aerie_adapters_loaded: 'aerie_adapters_loaded_max',
    aerie_adapters_loading: 'aerie_adapters_loaded_max',
    aerie_adapters_bytes: 'aerie_adapters_bytes_max',
    aerie_adapters_waiting: 'aerie_adapters_waiting_max',
    aerie_state_slots_used: 'aerie_state_slots_total',
    aerie_state_slots_cached: 'aerie_state_slots_total',
    aerie_encoder_waiting: 'aerie_encoder_waiting_max',
    aerie_encoder_cache_bytes: 'aerie_encoder_cache_bytes_max',
    aerie_encoder_disk_cache_bytes: 'aerie_encoder_disk_cache_bytes_max',
    aerie_encoder_disk_cache_waiting_bytes: 'aerie_encoder_disk_cache_waiting_bytes_max',
    aerie_encoder_sessions: 'aerie_encoder_sessions_max',
    aerie_media_waiting: 'aerie_media_waiting_max',
    aerie_media_fetching: 'aerie_media_fetching_max',
    aerie_media_running: 'aerie_media_workers',
    aerie_media_bytes_in_use: 'aerie_media_bytes_in_use_max',
    aerie_clips_waiting: 'aerie_clips_waiting_max',
    aerie_clips_fetching: 'aerie_clips_fetching_max',
    aerie_clips_running: 'aerie_clips_workers',
    aerie_clips_spool_bytes: 'aerie_clips_spool_bytes_max',
    aerie_files_bytes: 'aerie_files_bytes_max',
    aerie_file_uploads: 'aerie_file_uploads_max',
    aerie_speech_running: 'aerie_speech_running_max',
    aerie_speech_waiting: 'aerie_speech_waiting_max',
    aerie_sounds_running: 'aerie_sounds_running_max',
    aerie_sounds_waiting: 'aerie_sounds_waiting_max',
    aerie_sounds_bytes_in_use: 'aerie_sounds_bytes_in_use_max',
    aerie_sounds_spool_bytes: 'aerie_sounds_spool_bytes_max',
    aerie_object_cache_bytes: 'aerie_object_cache_bytes_max',
    aerie_object_fetches_waiting: 'aerie_object_fetches_waiting_max',
    aerie_database_connections: 'aerie_database_connections_max',
    aerie_database_connections_idle: 'aerie_database_connections_max',
    aerie_database_waiting: 'aerie_database_waiting_max',
    aerie_batch_lines_waiting: 'aerie_batch_lines_waiting_max',
    aerie_batch_lines_taken: 'aerie_batch_lines_running_max',
    aerie_batch_lines_running: 'aerie_batch_lines_running_limit',
    aerie_batch_result_bytes: 'aerie_files_bytes_max',
    aerie_models_bytes: 'aerie_models_bytes_max',
    aerie_trace_spans_waiting: 'aerie_trace_spans_waiting_max',
    aerie_responses: 'aerie_responses_max',
    aerie_responses_bytes: 'aerie_responses_bytes_max',
    aerie_background_running: 'aerie_background_running_max',
    aerie_background_waiting: 'aerie_background_waiting_max',
    aerie_background_event_bytes: 'aerie_background_event_bytes_max',
  }
  for (const [name, bound] of Object.entries(bounds))
    assert.ok(now.get(name)! <= now.get(bound)!, `${name} ${now.get(name)} of ${now.get(bound)}`)
  const gauges = [...(await metrics.render()).matchAll(/^# TYPE (aerie_\w+) gauge$/gm)]
  const named = new Set([...Object.keys(bounds), ...Object.values(bounds)])
  // Entries are bounded by their bytes, names by the key file, and time by nothing; a type or a limit is no amount.
  const others = gauges.map(([, name]) => name!).filter((name) => !named.has(name))
  assert.deepEqual(others, [
    'aerie_encoder_cache_entries',
    'aerie_encoder_disk_cache_entries',
    'aerie_files',
    'aerie_limit_names',
    'aerie_limits_shared',
    'aerie_object_cache_entries',
    'aerie_kv_cache_info',
    'aerie_batches',
    // By model: bounded together.
    'aerie_model_state',
    'aerie_model_bytes',
    'aerie_model_leases',
    'aerie_model_waiting',
    'aerie_models_waiting_max',
    'aerie_rate_limit',
    'aerie_rate_limit_remaining',
    'aerie_event_loop_delay_seconds',
  ])
})
