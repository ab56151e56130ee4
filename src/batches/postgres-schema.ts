/** The tables of batches in PostgreSQL, as those of SQLite are, version by version. */
import type { DatabaseSchema } from '../files/postgres-schema.ts'

export const BATCHES_SCHEMA: DatabaseSchema = {
  name: 'aerie_batches',
  subject: 'batches',
  steps: [
    `
    CREATE TABLE aerie_batches.batches (
      id text COLLATE "C" NOT NULL PRIMARY KEY,
      tenant text COLLATE "C" NOT NULL,
      endpoint text NOT NULL,
      input_file_id text NOT NULL,
      status text NOT NULL,
      metadata text, -- JSON
      output_expires_after bigint,
      model text,
      total bigint NOT NULL DEFAULT 0,
      completed bigint NOT NULL DEFAULT 0,
      failed bigint NOT NULL DEFAULT 0,
      input_tokens bigint NOT NULL DEFAULT 0,
      cached_tokens bigint NOT NULL DEFAULT 0,
      output_tokens bigint NOT NULL DEFAULT 0,
      result_bytes bigint NOT NULL DEFAULT 0,
      faults text NOT NULL DEFAULT '[]', -- JSON
      output_file_id text,
      error_file_id text,
      planned_output text,
      planned_error text,
      created_at bigint NOT NULL,
      expires_at bigint NOT NULL,
      in_progress_at bigint,
      finalizing_at bigint,
      completed_at bigint,
      failed_at bigint,
      expired_at bigint,
      cancelling_at bigint,
      cancelled_at bigint,
      read_bytes bigint NOT NULL DEFAULT 0,
      read_lines bigint NOT NULL DEFAULT 0,
      -- Its window closed before its lines were done.
      is_late boolean NOT NULL DEFAULT false,
      -- The server that reads its input or writes its files.
      owner text,
      not_before bigint NOT NULL DEFAULT 0,
      ended_at bigint,
      -- Ended, and its lines and results are gone.
      is_tidy boolean NOT NULL DEFAULT false
    );
    CREATE INDEX ON aerie_batches.batches (tenant, id);
    CREATE INDEX ON aerie_batches.batches (status, id) WHERE ended_at IS NULL;
    CREATE INDEX ON aerie_batches.batches (is_tidy, ended_at) WHERE ended_at IS NOT NULL;

    CREATE TABLE aerie_batches.lines (
      batch_id text COLLATE "C" NOT NULL,
      line bigint NOT NULL,
      custom_id text COLLATE "C" NOT NULL,
      byte_offset bigint NOT NULL,
      length bigint NOT NULL,
      media bigint NOT NULL,
      first_media text,
      all_media text,
      -- The first lines that name the same medium first, and the same media: the order in which lines are taken.
      first_place bigint NOT NULL,
      all_place bigint NOT NULL,
      state smallint NOT NULL DEFAULT 0, -- 0 waiting, 1 taken, 2 with a result
      server text,
      crashes bigint NOT NULL DEFAULT 0,
      PRIMARY KEY (batch_id, line),
      UNIQUE (batch_id, custom_id)
    );
    CREATE INDEX ON aerie_batches.lines (batch_id, first_media) WHERE first_media IS NOT NULL;
    CREATE INDEX ON aerie_batches.lines (batch_id, all_media) WHERE all_media IS NOT NULL;
    CREATE INDEX ON aerie_batches.lines (batch_id, first_place, all_place, line) WHERE state = 0;
    CREATE INDEX ON aerie_batches.lines (batch_id) WHERE state = 1;
    CREATE INDEX ON aerie_batches.lines (server) WHERE state = 1;

    CREATE TABLE aerie_batches.results (
      batch_id text COLLATE "C" NOT NULL,
      ok boolean NOT NULL,
      line bigint NOT NULL,
      text bytea NOT NULL,
      PRIMARY KEY (batch_id, ok, line)
    );

    CREATE TABLE aerie_batches.servers (
      name text COLLATE "C" NOT NULL PRIMARY KEY,
      until bigint NOT NULL
    );
    `,
    `
    -- Lines of one model are taken one behind the other, so that models that do not fit together change places once and not a line.
    ALTER TABLE aerie_batches.lines ADD COLUMN model_place bigint NOT NULL DEFAULT 0;
    DROP INDEX IF EXISTS aerie_batches.lines_batch_id_first_place_all_place_line_idx;
    CREATE INDEX ON aerie_batches.lines (batch_id, model_place, first_place, all_place, line) WHERE state = 0;
    `,
  ],
}

/** For locks of transactions, beside that of migrations: who counts what all batches have together waits for the others who do. */
export const COUNTING_LOCK = 7_061_974_002n
