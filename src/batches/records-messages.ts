/** What the main thread asks of the database of batches. */
import type { BatchRecords } from './batch-records.ts'

/** Every method, for those who pass calls on. */
export const RECORDS_METHODS = [
  ...['insert', 'find', 'list', 'cancel', 'beat', 'leave', 'takeTask', 'dropTask'],
  ...['addLines', 'endReading', 'runnable', 'takeLines', 'giveBack', 'storeResults'],
  ...['planFiles', 'results', 'unrun', 'end', 'tidy', 'totals'],
] as readonly (keyof BatchRecords)[]
