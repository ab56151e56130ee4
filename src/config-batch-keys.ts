/** The configuration keys of batches. */
import { Type } from 'typebox'
import { count } from './config-key.ts'

export const batchKeys = {
  maxBatches: count(
    16,
    'Batches',
    'Batches of one key that have not ended; beyond it the answer is 429.',
    0,
  ),
  maxBatchLines: count(50_000, 'Batches', 'Lines of one batch.'),
  maxBatchLinesWaiting: count(
    500_000,
    'Batches',
    'Lines of all batches that have no result yet; a batch that would make them more fails.',
  ),
  batchConcurrency: Type.Optional(
    Type.Integer({
      minimum: 1,
      group: 'Batches',
      defaultText: 'twice maxRunning',
      description:
        'Lines of batches that this server runs at one time, behind live requests and fewer while it has too much to do.',
    }),
  ),
  batchRetentionDays: count(30, 'Batches', 'Days that a batch can be looked at after its end.'),
}
