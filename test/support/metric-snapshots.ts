/** A server in the middle of its work, in figures, and what `/metrics` makes of them. */
import type { Snapshot } from '../../src/telemetry/sources.ts'
import { ECHO_MODELS } from './echo-service.ts'
import { statusOf } from './model-directory.ts'

export const engine: NonNullable<Snapshot['engine']> = {
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
export const encoder: Snapshot['encoder'] = {
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
export const media: Snapshot['media'] = {
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

export const batches: Snapshot['batches'] = {
  batches: { in_progress: 2, finalizing: 1 },
  ...{ lines: 40, maxLines: 100, resultBytes: 10, concurrency: 32, limit: 16 },
  ...{ running: 12, ready: 3, completed: 7, failed: 2, failures: 1 },
  database: { open: 2, idle: 1, max: 10, waiting: 2, maxWaiting: 256 },
}

export const files: Snapshot['files'] = {
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

export const serving: NonNullable<Snapshot['serving']> = {
  models: [statusOf(ECHO_MODELS[0]!, { bytes: 700, leases: 2, waiting: 3, loads: 4, failures: 1 })],
  ...{ usedBytes: 700, maxBytes: 1000, maxWaiting: 8 },
}

export const hearing = {
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

export const tracing = { sent: 5, failed: 2, dropped: 1, waiting: 3, maxWaiting: 4096 }

export const responses = {
  ...{ responses: 3, maxResponses: 10, bytes: 300, maxBytes: 1000 },
  ...{ created: 5, deleted: 1, expired: 1, evicted: 0, failures: 0, database: undefined },
}
export const sockets = {
  ...{ open: 2, maxOpen: 8, mostOfKey: 2, maxOfKey: 4, opened: 5, refused: 1 },
  ...{ memoryBytes: 100, maxMemoryBytes: 1000, memoryDropped: 3 },
}

export const background = {
  ...{ running: 1, maxRunning: 4, waiting: 2, maxWaiting: 8, eventBytes: 9, maxEventBytes: 90 },
  ...{ eventsDropped: 0, ended: { completed: 1, incomplete: 0, failed: 0, cancelled: 0 } },
}

/** name{labels} → value. */
export async function samples(metrics: {
  render(): Promise<string>
}): Promise<Map<string, number>> {
  const lines = (await metrics.render()).split('\n').filter((line) => line && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))]
    }),
  )
}
