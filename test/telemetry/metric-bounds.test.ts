/** Every amount in `/metrics` has its bound beside it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import {
  background,
  batches,
  encoder,
  engine,
  files,
  hearing,
  media,
  responses,
  samples,
  serving,
  sockets,
  tracing,
} from '../support/metric-snapshots.ts'

test('whatever can fill up says how far it may', async () => {
  const own = { engine, encoder, media, files, batches, serving, tracing }
  const all = { ...own, responses, background, sockets, ...hearing }
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
    aerie_websockets: 'aerie_websockets_max',
    aerie_websockets_of_key: 'aerie_websockets_of_key_max',
    aerie_websocket_memory_bytes: 'aerie_websocket_memory_bytes_max',
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
