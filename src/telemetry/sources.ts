/** Snapshots of engine, encoder, media, files and batches → samples. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { BatchStats } from '../batches/contract.ts'
import type { EncoderStats, EngineStats } from '../engine/types.ts'
import type { ConnectionStats, FileStats } from '../files/contract.ts'
import type { LimitStats } from '../limits/rate-limits.ts'
import type { SoundStats } from '../media/sound/sounds.ts'
import type { MediaStats } from '../media/types.ts'
import type { BackgroundStats, ResponseStats, SocketStats } from '../responses/contract.ts'
import type { SpeechStats } from '../speech/recogniser.ts'
import type { TracingStats } from '../tracing/tracing.ts'
import { ADAPTER_COUNTERS, ADAPTER_GAUGES } from './adapter-sources.ts'
import { BATCH_GAUGES } from './batch-sources.ts'
import { GRAMMAR_COUNTERS, GRAMMAR_GAUGES } from './grammar-sources.ts'
import { LIMIT_GAUGES, registerLimits } from './limit-sources.ts'
import { type ModelsSnapshot, registerModels } from './model-sources.ts'
import { RESPONSE_COUNTERS, RESPONSE_GAUGES } from './response-sources.ts'
import { SPEECH_COUNTERS, SPEECH_GAUGES } from './speech-sources.ts'

/** What the parts say at one moment, those of all models together; undefined for a part that this server does not have. */
export interface Snapshot {
  readonly engine: EngineStats | undefined
  readonly encoder: EncoderStats | undefined
  readonly media: MediaStats | undefined
  readonly files: FileStats | undefined
  readonly batches?: BatchStats | undefined
  readonly responses?: ResponseStats | undefined
  readonly background?: BackgroundStats | undefined
  readonly sockets?: SocketStats | undefined
  /** Of a speech model. */
  readonly speech?: SpeechStats | undefined
  readonly sounds?: SoundStats | undefined
  readonly serving?: ModelsSnapshot
  /** Of sounds that are received or worked on. */
  readonly soundSpool?: { readonly bytes: number; readonly maxBytes: number }
  /** Undefined where no key has any. */
  readonly limits?: LimitStats | undefined
  /** Undefined where there is no tracing. */
  readonly tracing?: TracingStats | undefined
}

export type Read = (snapshot: Snapshot) => number | undefined

/** Undefined for a decoder that has no recurrent states. */
function ofStates({ engine }: Snapshot, value: number | undefined): number | undefined {
  return engine?.stateSlotsTotal ? value : undefined
}

/** Of files, batches and responses together; undefined where all have their databases here. */
function ofDatabase(
  { files, batches, responses }: Snapshot,
  what: keyof ConnectionStats,
): number | undefined {
  const all = [files?.database, batches?.database, responses?.database].filter(
    (one) => one !== undefined,
  )
  return all.length === 0 ? undefined : all.reduce((sum, one) => sum + one[what], 0)
}

/** name → what it is, and where it stands. */
const GAUGES: Readonly<Record<string, readonly [help: string, read: Read]>> = {
  aerie_sequences_running: ['Sequences in the running batch.', (s) => s.engine?.running],
  aerie_sequences_running_max: ['Sequences that may run at once.', (s) => s.engine?.maxRunning],
  aerie_sequences_waiting: ['Sequences waiting for a place in it.', (s) => s.engine?.waiting],
  aerie_sequences_waiting_max: [
    'Sequences that may wait; more get 429.',
    (s) => s.engine?.maxWaiting,
  ],
  ...GRAMMAR_GAUGES,
  aerie_kv_blocks_used: ['KV blocks held by running sequences.', (s) => s.engine?.kvBlocksUsed],
  aerie_kv_blocks_cached: [
    'KV blocks held by the prefix cache alone.',
    (s) => s.engine?.kvBlocksCached,
  ],
  aerie_kv_blocks_cached_max: [
    'KV blocks that the prefix cache may hold.',
    (s) => s.engine?.kvBlocksCachedMax,
  ],
  aerie_kv_blocks_total: ['KV blocks there are.', (s) => s.engine?.kvBlocksTotal],
  aerie_state_slots_used: [
    'Recurrent states held by running sequences.',
    (s) => ofStates(s, s.engine?.stateSlotsUsed),
  ],
  aerie_state_slots_cached: [
    'Recurrent states held by the prefix cache alone.',
    (s) => ofStates(s, s.engine?.stateSlotsCached),
  ],
  aerie_state_slots_total: [
    'Recurrent states that there is room for.',
    (s) => ofStates(s, s.engine?.stateSlotsTotal),
  ],
  aerie_encoder_waiting: ['Pictures waiting for the vision towers.', (s) => s.encoder?.waiting],
  aerie_encoder_waiting_max: [
    'Pictures that may wait; more get 429.',
    (s) => s.encoder?.maxWaiting,
  ],
  aerie_encoder_cache_bytes: ['Bytes of features in the cache.', (s) => s.encoder?.cacheBytes],
  aerie_encoder_cache_bytes_max: ['Bytes that it may hold.', (s) => s.encoder?.cacheMaxBytes],
  aerie_encoder_cache_entries: ['Pictures in the feature cache.', (s) => s.encoder?.cacheEntries],
  aerie_encoder_disk_cache_bytes: [
    'Bytes of features on disk, as far as this process knows.',
    (s) => s.encoder?.disk?.bytes,
  ],
  aerie_encoder_disk_cache_bytes_max: [
    'Bytes that there may be.',
    (s) => s.encoder?.disk?.maxBytes,
  ],
  aerie_encoder_disk_cache_entries: [
    'Pictures whose features are on disk.',
    (s) => s.encoder?.disk?.entries,
  ],
  aerie_encoder_disk_cache_waiting_bytes: [
    'Bytes of features waiting to be written to disk.',
    (s) => s.encoder?.disk?.waitingBytes,
  ],
  aerie_encoder_disk_cache_waiting_bytes_max: [
    'Bytes that may wait; more are not kept.',
    (s) => s.encoder?.disk?.maxWaitingBytes,
  ],
  aerie_encoder_sessions: [
    'Sessions that a tower of many sizes has loaded.',
    (s) => s.encoder?.sessions?.loaded,
  ],
  aerie_encoder_sessions_max: ['Sessions that it may have.', (s) => s.encoder?.sessions?.max],
  aerie_media_waiting: ['Pictures waiting to be fetched or decoded.', (s) => s.media?.waiting],
  aerie_media_waiting_max: ['Pictures that may wait; more get 429.', (s) => s.media?.maxWaiting],
  aerie_media_fetching: ['Pictures being fetched.', (s) => s.media?.fetching],
  aerie_media_fetching_max: ['Pictures that may be fetched at once.', (s) => s.media?.maxFetching],
  aerie_media_running: ['Pictures being decoded.', (s) => s.media?.running],
  aerie_media_workers: ['Processes that decode, each one at a time.', (s) => s.media?.workers],
  aerie_media_bytes_in_use: [
    'Bytes of pictures held, encoded and decoded.',
    (s) => s.media?.bytesInUse,
  ],
  aerie_media_bytes_in_use_max: ['Bytes that may be held.', (s) => s.media?.maxBytesInUse],
  aerie_clips_waiting: [
    'Clips waiting to be fetched or for ffmpeg.',
    (s) => s.media?.clips.waiting,
  ],
  aerie_clips_waiting_max: ['Clips that may wait; more get 429.', (s) => s.media?.clips.maxWaiting],
  aerie_clips_fetching: ['Clips being fetched.', (s) => s.media?.clips.fetching],
  aerie_clips_fetching_max: [
    'Clips that may be fetched at once.',
    (s) => s.media?.clips.maxFetching,
  ],
  aerie_clips_running: ['Clips that ffmpeg works on.', (s) => s.media?.clips.running],
  aerie_clips_workers: ['Clips that it may work on at once.', (s) => s.media?.clips.workers],
  aerie_clips_spool_bytes: ['Bytes of clips on disk.', (s) => s.media?.clips.spoolBytes],
  aerie_clips_spool_bytes_max: [
    'Bytes of clips that there may be.',
    (s) => s.media?.clips.maxSpoolBytes,
  ],
  aerie_files: ['Uploaded files, as far as this process knows.', (s) => s.files?.files],
  aerie_files_bytes: ['Bytes of them.', (s) => s.files?.bytes],
  aerie_files_bytes_max: ['Bytes that there may be.', (s) => s.files?.maxBytes],
  aerie_file_uploads: ['Uploads under way.', (s) => s.files?.uploads],
  ...BATCH_GAUGES,
  aerie_file_uploads_max: ['Uploads that may be; more get 429.', (s) => s.files?.maxUploads],
  ...ADAPTER_GAUGES,
  ...SPEECH_GAUGES,
  ...LIMIT_GAUGES,
  aerie_trace_spans_waiting: ['Spans that wait to be sent.', (s) => s.tracing?.waiting],
  aerie_trace_spans_waiting_max: [
    'Spans that may wait; more are dropped.',
    (s) => s.tracing?.maxWaiting,
  ],
  ...RESPONSE_GAUGES,
  aerie_object_cache_entries: [
    'Copies of objects on the disk, as far as this process knows.',
    (s) => s.files?.cache?.entries,
  ],
  aerie_object_cache_bytes: ['Bytes of them.', (s) => s.files?.cache?.bytes],
  aerie_object_cache_bytes_max: ['Bytes that there may be.', (s) => s.files?.cache?.maxBytes],
  aerie_object_fetches_waiting: [
    'Objects that wait to be fetched.',
    (s) => s.files?.cache?.waiting,
  ],
  aerie_object_fetches_waiting_max: [
    'Objects that may wait; more get 429.',
    (s) => s.files?.cache?.maxWaiting,
  ],
  aerie_database_connections: ['Connections to the database.', (s) => ofDatabase(s, 'open')],
  aerie_database_connections_idle: ['Those that nobody uses.', (s) => ofDatabase(s, 'idle')],
  aerie_database_connections_max: ['Connections that there may be.', (s) => ofDatabase(s, 'max')],
  aerie_database_waiting: ['Calls that wait for one.', (s) => ofDatabase(s, 'waiting')],
  aerie_database_waiting_max: [
    'Calls that may wait; more get 429.',
    (s) => ofDatabase(s, 'maxWaiting'),
  ],
}

/** Counted since start by their owners. */
const COUNTERS: typeof GAUGES = {
  ...ADAPTER_COUNTERS,
  ...SPEECH_COUNTERS,
  ...RESPONSE_COUNTERS,
  aerie_engine_steps_total: ['Steps of the engine.', (s) => s.engine?.steps],
  aerie_preemptions_total: [
    'Sequences put back for want of KV blocks.',
    (s) => s.engine?.preemptions,
  ],
  aerie_sequences_aborted_total: [
    'Sequences ended by client or deadline.',
    (s) => s.engine?.aborted,
  ],
  aerie_prefix_cache_hits_total: [
    'Prompts whose beginning was not computed again.',
    (s) => s.engine?.prefixHits,
  ],
  aerie_prefix_cache_misses_total: [
    'Prompts that were computed whole.',
    (s) => s.engine?.prefixMisses,
  ],
  aerie_prefix_cache_evictions_total: [
    'Kept prompts that made room for others.',
    (s) => s.engine?.prefixEvictions,
  ],
  ...GRAMMAR_COUNTERS,
  aerie_tiles_encoded_total: [
    'Tiles run through the vision towers.',
    (s) => s.encoder?.tilesEncoded,
  ],
  aerie_encoder_runs_total: ['Runs of the towers, for those tiles.', (s) => s.encoder?.runs],
  aerie_encoder_cache_hits_total: [
    'Pictures whose features were in memory.',
    (s) => s.encoder?.cacheHits,
  ],
  aerie_encoder_cache_misses_total: [
    'Pictures that went to the vision towers.',
    (s) => s.encoder?.cacheMisses,
  ],
  aerie_encoder_cache_evictions_total: [
    'Pictures whose features made room for others in memory.',
    (s) => s.encoder?.cacheEvictions,
  ],
  aerie_encoder_disk_cache_hits_total: [
    'Pictures whose features were read from disk.',
    (s) => s.encoder?.disk?.hits,
  ],
  aerie_encoder_disk_cache_misses_total: [
    'Pictures whose features were not on disk either.',
    (s) => s.encoder?.disk?.misses,
  ],
  aerie_encoder_disk_cache_writes_total: [
    'Pictures whose features were written to disk.',
    (s) => s.encoder?.disk?.writes,
  ],
  aerie_encoder_disk_cache_evictions_total: [
    'Pictures whose features made room for others on disk.',
    (s) => s.encoder?.disk?.evictions,
  ],
  aerie_encoder_disk_cache_rejected_total: [
    'Files on disk that were damaged, cut off or of something else, and were dropped.',
    (s) => s.encoder?.disk?.rejected,
  ],
  aerie_encoder_disk_cache_failures_total: [
    'Reads and writes of features that failed or took too long.',
    (s) => s.encoder?.disk?.failures,
  ],
  aerie_encoder_disk_cache_skipped_total: [
    'Pictures whose features were not kept: the disk was full, slow or read-only.',
    (s) => s.encoder?.disk?.skipped,
  ],
  aerie_files_created_total: ['Files that were uploaded.', (s) => s.files?.created],
  aerie_files_deleted_total: ['Files that clients deleted.', (s) => s.files?.deleted],
  aerie_files_expired_total: ['Files whose time was up.', (s) => s.files?.expired],
  aerie_files_orphans_total: [
    'Leftovers of crashes that were removed: bytes without a record, records without bytes.',
    (s) => s.files?.orphans,
  ],
  aerie_batch_failures_total: [
    'Times that a batch had to wait for disk, database or files.',
    (s) => s.batches?.failures,
  ],
  aerie_files_failures_total: [
    'Calls that the disk, the database of files or the object store failed.',
    (s) => s.files?.failures,
  ],
  aerie_object_cache_hits_total: ['Objects that were here.', (s) => s.files?.cache?.hits],
  aerie_object_cache_misses_total: [
    'Objects that had to be fetched.',
    (s) => s.files?.cache?.misses,
  ],
  aerie_object_cache_evictions_total: [
    'Copies that made room for others.',
    (s) => s.files?.cache?.evictions,
  ],
  aerie_encoder_session_loads_total: [
    'Sessions loaded for an input size and output.',
    (s) => s.encoder?.sessions?.loads,
  ],
  aerie_encoder_session_evictions_total: [
    'Sessions that made room for others.',
    (s) => s.encoder?.sessions?.evictions,
  ],
}

const BATCH_BUCKETS = [1, 2, 4, 8, 12, 16, 24, 32, 64, 128]

/** Registers the samples and returns what fills them; samples of an absent part are left out. */
export function registerSources(registry: Registry): (snapshot: Snapshot) => void {
  const registers = [registry]
  const gauges = Object.entries(GAUGES).map(
    ([name, [help, read]]) => [new Gauge({ name, help, registers }), read] as const,
  )
  const counters = Object.entries(COUNTERS).map(
    ([name, [help, read]]) => [new Counter({ name, help, registers }), read] as const,
  )
  const tokens = new Counter({
    name: 'aerie_tokens_total',
    help: 'Tokens by kind: prompt (all of them), cached (of the prompt, not computed again), generated, drafted (computed on trial), accepted (of those, chosen).',
    labelNames: ['kind'],
    registers,
  })
  const batchSize = new Histogram({
    name: 'aerie_batch_size',
    help: 'Rows in each step of the engine.',
    buckets: BATCH_BUCKETS,
    registers,
  })
  const kvCache = new Gauge({
    name: 'aerie_kv_cache_info',
    help: 'What keys and values are kept as, by type; always 1.',
    labelNames: ['type'],
    registers,
  })
  const background = new Counter({
    name: 'aerie_background_total',
    help: 'Responses in the background that have ended, by how.',
    labelNames: ['status'],
    registers,
  })
  const batches = new Gauge({
    name: 'aerie_batches',
    help: 'Batches that have not ended, by status.',
    labelNames: ['status'],
    registers,
  })
  const batchLines = new Counter({
    name: 'aerie_batch_lines_total',
    help: 'Lines of batches that this server has run, by the file that they are in.',
    labelNames: ['result'],
    registers,
  })
  const updateModels = registerModels(registry)
  const updateLimits = registerLimits(registry)
  const spans = new Counter({
    name: 'aerie_trace_spans_total',
    help: 'Spans by what became of them: sent, failed (the collector did not take them), dropped (too many waited).',
    labelNames: ['outcome'],
    registers,
  })
  return (snapshot) => {
    const { engine, serving } = snapshot
    if (serving) updateModels(serving)
    updateLimits(snapshot)
    spans.reset()
    const { sent, failed, dropped } = snapshot.tracing ?? {}
    for (const [outcome, number] of Object.entries({ sent, failed, dropped }))
      if (number !== undefined) spans.inc({ outcome }, number)
    for (const [gauge, read] of gauges) {
      const value = read(snapshot)
      if (value === undefined) gauge.remove()
      else gauge.set(value)
    }
    for (const [counter, read] of counters) {
      const value = read(snapshot)
      counter.reset()
      if (value === undefined) counter.remove()
      else counter.inc(value)
    }
    batches.reset()
    batchLines.reset()
    background.reset()
    for (const [status, number] of Object.entries(snapshot.background?.ended ?? {}))
      background.inc({ status }, number)
    if (snapshot.batches) {
      const { batches: numbers, completed, failed } = snapshot.batches
      for (const [status, number] of Object.entries(numbers)) batches.set({ status }, number)
      batchLines.inc({ result: 'completed' }, completed)
      batchLines.inc({ result: 'failed' }, failed)
    }
    tokens.reset()
    kvCache.reset()
    if (!engine) return
    const loaded = serving?.models.filter(({ state }) => state === 'loaded') ?? []
    const types = loaded.flatMap(({ document }) => document?.chat?.decoding.kvCacheType ?? [])
    for (const type of serving ? types : [engine.kvCacheType]) kvCache.set({ type }, 1)
    tokens.inc({ kind: 'prompt' }, engine.promptTokens)
    tokens.inc({ kind: 'cached' }, engine.cachedPromptTokens)
    tokens.inc({ kind: 'generated' }, engine.generatedTokens)
    tokens.inc({ kind: 'drafted' }, engine.draftedTokens)
    tokens.inc({ kind: 'accepted' }, engine.acceptedTokens)
    for (const rows of engine.batchSizes) batchSize.observe(rows)
  }
}
