/** Lines of batches and their results → samples. */
import type { Read } from './sources.ts'

export const BATCH_GAUGES: Readonly<Record<string, readonly [help: string, read: Read]>> = {
  aerie_batch_lines_waiting: [
    'Lines of batches without a result, as of the last look.',
    (s) => s.batches?.lines,
  ],
  aerie_batch_lines_waiting_max: ['Lines that there may be.', (s) => s.batches?.maxLines],
  aerie_batch_lines_taken: [
    'Lines that this server has taken and not begun.',
    (s) => s.batches?.ready,
  ],
  aerie_batch_lines_running: ['Lines that it runs.', (s) => s.batches?.running],
  aerie_batch_lines_running_limit: [
    'Lines that it may run at once now; fewer while it has too much to do.',
    (s) => s.batches?.limit,
  ],
  aerie_batch_lines_running_max: [
    'Lines that it may ever run at once.',
    (s) => s.batches?.concurrency,
  ],
  aerie_batch_result_bytes: [
    'Bytes of results that are in no file yet.',
    (s) => s.batches?.resultBytes,
  ],
}
