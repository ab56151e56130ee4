/**
 * What is known of batches, their lines and their results, for SQLite or another database that several servers share. Times are
 * given, Unix seconds, so that a test can have its own. Every change is durable when its promise resolves.
 *
 * A server is somebody with a name who says every few seconds that it lives. What it takes (a batch whose input is to be read or
 * whose files are to be written, or single lines) is its own until it gives it back, finishes it, or is silent for too long;
 * then another takes it over, and whatever the silent one may still bring is refused. So a line may be run twice and never
 * counts twice.
 */
import type { Batch, BatchFault, BatchPage, BatchQuery, BatchUsage } from './contract.ts'

/** A batch with what only the server is to know. */
export interface BatchRecord extends Batch {
  /** Of the input that has been read and whose lines are recorded: reading goes on here. */
  readonly read: { readonly bytes: number; readonly lines: number }
  /** The ids that its files get, chosen before they are written, so that a second attempt finds what the first one made. */
  readonly planned: PlannedFiles | undefined
}

export interface PlannedFiles {
  readonly outputFileId: string
  readonly errorFileId: string
}

/** Where a line's body lies in the input, and what it has in common with others. */
export interface NewLine {
  /** From 1, counted over the whole file. */
  readonly line: number
  readonly customId: string
  /** Of the body, in bytes of the input file. */
  readonly offset: number
  readonly length: number
  /** Of its model among those that are served, names of one model side by side: lines of a lower one are taken first. */
  readonly modelPlace: number
  /** Pictures, clips and files that it names. */
  readonly media: number
  /** Digests of the first of them and of all of them in order; undefined where it names none. */
  readonly firstMedia: string | undefined
  readonly allMedia: string | undefined
}

export interface TakenLine {
  readonly batchId: string
  readonly line: number
  readonly customId: string
  readonly offset: number
  readonly length: number
  readonly media: number
  /** How many servers have died while they had it. */
  readonly crashes: number
}

export interface LineResult {
  readonly batchId: string
  readonly line: number
  /** Whether it belongs into the output file; else into the error file. */
  readonly ok: boolean
  /** The line of that file as it will be, UTF-8 without its line feed. */
  readonly text: Uint8Array
  readonly usage: BatchUsage
}

/** A line that has a result. */
export interface StoredResult {
  readonly line: number
  readonly text: Uint8Array
}

/** A line that has none, and will not get one. */
export interface UnrunLine {
  readonly line: number
  readonly customId: string
}

export interface BatchBounds {
  /** Batches of one tenant that have not ended. */
  readonly maxBatches: number
}

/** A batch that waits for somebody to do what one server does alone. */
export interface BatchTask {
  readonly kind: 'read' | 'finalize'
  readonly batch: BatchRecord
}

export interface BatchTotals {
  /** Batches that have not ended, by status. */
  readonly batches: Readonly<Partial<Record<Batch['status'], number>>>
  /** Lines of them without a result. */
  readonly lines: number
  /** Bytes of results that are not in a file yet. */
  readonly resultBytes: number
}

export interface BatchRecords {
  /** False, and nothing changed, where the tenant has as many batches under way as it may have. */
  insert(batch: Batch, bounds: BatchBounds): Promise<boolean>
  find(tenant: string, id: string): Promise<BatchRecord | undefined>
  list(query: BatchQuery): Promise<BatchPage>
  /** `cancelling` from now on, where it had not ended. The batch as it is then; undefined where there is none. */
  cancel(tenant: string, id: string, now: number): Promise<BatchRecord | undefined>

  /**
   * The server lives, and is to be believed so until `until`. Gives back what servers had that are silent for longer, with a
   * crash counted for each of their lines, and ends what has expired: it is `finalizing` then. Returns those of the batches of
   * which this server has lines and that are not to be run any further.
   */
  beat(server: string, now: number, until: number): Promise<readonly string[]>
  /** The server stops in good order: whatever it had is given back, and no crash is counted. */
  leave(server: string): Promise<void>

  /**
   * Takes a batch that is `validating`, or one that is `finalizing` or `cancelling` of which nobody has lines; the oldest.
   * Undefined where there is none.
   */
  takeTask(server: string, now: number): Promise<BatchTask | undefined>
  /** Gives a batch back that could not be finished now; nobody takes it again before `notBefore`. */
  dropTask(server: string, id: string, notBefore: number): Promise<void>
  /**
   * Records lines of a batch that the server reads, and how far it has come. Returns those whose `customId` another line has,
   * which are not recorded, or `full`, and nothing changed, where all batches together would have more than `maxLines` without a
   * result; undefined where the batch is not the server's any more, or is being cancelled.
   */
  addLines(
    server: string,
    id: string,
    lines: readonly NewLine[],
    progress: {
      readonly bytes: number
      readonly lines: number
      readonly faults: readonly BatchFault[]
    },
    maxLines: number,
  ): Promise<readonly DoubleLine[] | 'full' | undefined>
  /** The input has been read to its end: `in_progress`, or `failed` where there are faults. False where it is not the server's. */
  endReading(
    server: string,
    id: string,
    end: { readonly faults: readonly BatchFault[]; readonly model: string | undefined },
    now: number,
  ): Promise<boolean>

  /** One batch of each tenant that has lines for the taking, the tenant's oldest. */
  runnable(limit: number): Promise<readonly BatchRecord[]>
  /**
   * Lines of one batch, those that name the same media one behind the other, else in their order. Of lines that servers died with
   * a server has one at a time: when it dies as well, none is counted a crash that only lay beside the one which was running.
   */
  takeLines(server: string, id: string, limit: number): Promise<readonly TakenLine[]>
  giveBack(server: string, lines: readonly Pick<TakenLine, 'batchId' | 'line'>[]): Promise<void>
  /**
   * Keeps results, all or none, and counts them; a batch whose last line that was is `finalizing`. Those of lines that are not the
   * server's any more are dropped. Returns how many were kept.
   */
  storeResults(server: string, results: readonly LineResult[], now: number): Promise<number>

  /** The planned ids; those of the first call, whoever made it. Undefined where the batch is not the server's. */
  planFiles(server: string, id: string, planned: PlannedFiles): Promise<PlannedFiles | undefined>
  /** Results of one kind behind a line, in order; about `bytes` of them and at least one, none at the end. */
  results(id: string, ok: boolean, after: number, bytes: number): Promise<readonly StoredResult[]>
  /** Lines without a result behind a line, in order. */
  unrun(id: string, after: number, limit: number): Promise<readonly UnrunLine[]>
  /**
   * The batch has ended, with the files that there are: lines without a result are counted as failed, and lines and results may
   * go. False where it is not the server's.
   */
  end(
    server: string,
    id: string,
    files: { readonly outputFileId: string | undefined; readonly errorFileId: string | undefined },
    now: number,
  ): Promise<boolean>

  /**
   * Removes at most `limit` lines and results of batches that have ended, and then batches that ended before `before`. How many
   * of all these there were; 0: nothing is left to remove.
   */
  tidy(before: number, limit: number): Promise<number>
  totals(): Promise<BatchTotals>
}

export interface DoubleLine {
  readonly line: number
  readonly customId: string
  /** The line that has it already. */
  readonly first: number
}
