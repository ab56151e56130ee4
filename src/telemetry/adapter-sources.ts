/** Samples of the adapters of an engine; absent without any. */
import type { Read } from './sources.ts'

type Sources = Readonly<Record<string, readonly [help: string, read: Read]>>

export const ADAPTER_GAUGES: Sources = {
  aerie_adapters_loaded: ['Adapters that are loaded.', (s) => s.engine?.adapters?.loaded.length],
  aerie_adapters_loading: ['Adapters that are being read.', (s) => s.engine?.adapters?.loading],
  aerie_adapters_loaded_max: ['Adapters that may be loaded.', (s) => s.engine?.adapters?.maxLoaded],
  aerie_adapters_bytes: ['Bytes that they take.', (s) => s.engine?.adapters?.bytes],
  aerie_adapters_bytes_max: ['Bytes that they may take.', (s) => s.engine?.adapters?.maxBytes],
  aerie_adapters_waiting: [
    'Sequences that wait for an adapter.',
    (s) => s.engine?.adapters?.waiting,
  ],
  aerie_adapters_waiting_max: [
    'Sequences that may be in the engine, which all may wait for one.',
    (s) => s.engine?.adapters && s.engine.maxRunning + s.engine.maxWaiting,
  ],
}

export const ADAPTER_COUNTERS: Sources = {
  aerie_adapter_loads_total: ['Adapters that were loaded.', (s) => s.engine?.adapters?.loads],
  aerie_adapter_evictions_total: [
    'Adapters that made room for others.',
    (s) => s.engine?.adapters?.evictions,
  ],
  aerie_adapter_failures_total: [
    'Adapters that could not be loaded.',
    (s) => s.engine?.adapters?.failures,
  ],
  aerie_adapter_load_seconds_total: [
    'Seconds from the wish for an adapter to its being there, all loads together.',
    (s) => seconds(s.engine?.adapters?.loadMs),
  ],
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000
}
