/** The database of batches, version by version. */

/** Each runs once and in one transaction. Never change one that was released; add another. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE batches (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    input_file_id TEXT NOT NULL,
    status TEXT NOT NULL,
    metadata TEXT, -- JSON
    output_expires_after INTEGER,
    model TEXT,
    total INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    result_bytes INTEGER NOT NULL DEFAULT 0,
    faults TEXT NOT NULL DEFAULT '[]', -- JSON
    output_file_id TEXT,
    error_file_id TEXT,
    planned_output TEXT,
    planned_error TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    in_progress_at INTEGER,
    finalizing_at INTEGER,
    completed_at INTEGER,
    failed_at INTEGER,
    expired_at INTEGER,
    cancelling_at INTEGER,
    cancelled_at INTEGER,
    read_bytes INTEGER NOT NULL DEFAULT 0,
    read_lines INTEGER NOT NULL DEFAULT 0,
    -- Its window closed before its lines were done.
    is_late INTEGER NOT NULL DEFAULT 0,
    -- The server that reads its input or writes its files.
    owner TEXT,
    not_before INTEGER NOT NULL DEFAULT 0,
    ended_at INTEGER,
    -- Ended, and its lines and results are gone.
    is_tidy INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX batches_of_tenant ON batches (tenant, id);
  CREATE INDEX batches_under_way ON batches (status, id) WHERE ended_at IS NULL;
  CREATE INDEX batches_ended ON batches (is_tidy, ended_at) WHERE ended_at IS NOT NULL;

  CREATE TABLE lines (
    batch_id TEXT NOT NULL,
    line INTEGER NOT NULL,
    custom_id TEXT NOT NULL,
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL,
    media INTEGER NOT NULL,
    first_media TEXT,
    all_media TEXT,
    -- The first lines that name the same medium first, and the same media: the order in which lines are taken.
    first_place INTEGER NOT NULL,
    all_place INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0, -- 0 waiting, 1 taken, 2 with a result
    server TEXT,
    crashes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (batch_id, line)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX lines_by_custom_id ON lines (batch_id, custom_id);
  CREATE INDEX lines_by_first_media ON lines (batch_id, first_media) WHERE first_media IS NOT NULL;
  CREATE INDEX lines_by_all_media ON lines (batch_id, all_media) WHERE all_media IS NOT NULL;
  CREATE INDEX lines_waiting ON lines (batch_id, first_place, all_place, line) WHERE state = 0;
  CREATE INDEX lines_taken ON lines (batch_id) WHERE state = 1;
  CREATE INDEX lines_of_server ON lines (server) WHERE state = 1;

  CREATE TABLE results (
    batch_id TEXT NOT NULL,
    ok INTEGER NOT NULL,
    line INTEGER NOT NULL,
    text BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX results_in_order ON results (batch_id, ok, line);

  CREATE TABLE servers (
    name TEXT NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Lines of one model are taken one behind the other, so that models that do not fit together change places once and not a line.
  ALTER TABLE lines ADD COLUMN model_place INTEGER NOT NULL DEFAULT 0;
  DROP INDEX lines_waiting;
  CREATE INDEX lines_waiting ON lines (batch_id, model_place, first_place, all_place, line) WHERE state = 0;
  `,
]
