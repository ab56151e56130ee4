/** The keys of structured output, of the group Model and engine. */
import { bytes, MiB, millis } from './config-key.ts'

export const grammarKeys = {
  grammarTimeoutMs: millis(
    10_000,
    'Model and engine',
    'Longest time for one schema, regular expression or grammar to be compiled.',
  ),
  grammarCacheBytes: bytes(
    128 * MiB,
    'Model and engine',
    'Memory for compiled schemas and grammars, those in use aside.',
    MiB,
  ),
}
