/** Samples of the grammars that answers are kept to. */
import type { Read } from './sources.ts'

type Sources = Readonly<Record<string, readonly [help: string, read: Read]>>

export const GRAMMAR_GAUGES: Sources = {
  aerie_grammars_cached: ['Compiled grammars that are kept.', (s) => s.engine?.grammars.cached],
  aerie_grammars_cached_max: ['As many as may be.', (s) => s.engine?.grammars.cachedMax],
  aerie_grammar_cache_bytes: ['Memory of those, about.', (s) => s.engine?.grammars.cachedBytes],
  aerie_grammar_cache_bytes_max: [
    'Memory that they may take, those in use aside.',
    (s) => s.engine?.grammars.cachedBytesMax,
  ],
}

export const GRAMMAR_COUNTERS: Sources = {
  aerie_grammars_compiled_total: [
    'Schemas, regular expressions, choices and grammars that were compiled.',
    (s) => s.engine?.grammars.compiled,
  ],
  aerie_grammars_cache_hits_total: [
    'Requests whose grammar had been compiled before.',
    (s) => s.engine?.grammars.cacheHits,
  ],
  aerie_grammars_refused_total: [
    'Grammars that were refused, or took too long to compile.',
    (s) => s.engine?.grammars.refused,
  ],
  aerie_grammar_masks_total: [
    'Masks of allowed tokens that were computed; most are known from before.',
    (s) => s.engine?.grammars.masks,
  ],
  aerie_grammar_masks_aside_total: [
    'Those of them that a thread of their own computed, as they take long.',
    (s) => s.engine?.grammars.masksAside,
  ],
  aerie_grammar_mask_waits_total: [
    'Masks that were not there when the decoder was done.',
    (s) => s.engine?.grammars.maskWaits,
  ],
  aerie_grammar_mask_wait_seconds_total: [
    'Time that steps waited for masks.',
    (s) => s.engine && s.engine.grammars.maskWaitMs / 1000,
  ],
  aerie_grammar_answers_steered_total: [
    'Answers that were brought to a valid end as their room was over.',
    (s) => s.engine?.grammars.steered,
  ],
  aerie_grammar_thread_restarts_total: [
    'Times that a grammar thread fell over or was ended by force.',
    (s) => s.engine?.grammars.restarts,
  ],
}
