/** The database of files, version by version. `PRAGMA user_version` says how many of the steps it has had. */
import type { DatabaseSync } from 'node:sqlite'
import { AerieError } from '../errors.ts'

/** Each runs once and in one transaction. Never change one that was released; add another. */
export const FILE_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE store (
    -- Names the folder of blobs that belongs to this database and to no other.
    id TEXT NOT NULL
  ) STRICT;
  INSERT INTO store VALUES (lower(hex(randomblob(8))));

  CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    blob TEXT NOT NULL UNIQUE,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX files_of_tenant ON files (tenant, id);
  CREATE INDEX files_expiring ON files (expires_at) WHERE expires_at IS NOT NULL;

  -- Kept by triggers, so that a quota costs the same however many files there are.
  CREATE TABLE totals (files INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
  INSERT INTO totals VALUES (0, 0);
  CREATE TRIGGER file_added AFTER INSERT ON files BEGIN
    UPDATE totals SET files = files + 1, bytes = bytes + NEW.bytes;
  END;
  CREATE TRIGGER file_removed AFTER DELETE ON files BEGIN
    UPDATE totals SET files = files - 1, bytes = bytes - OLD.bytes;
  END;
  `,
  `
  CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO tenants SELECT tenant, count(*), sum(bytes) FROM files GROUP BY tenant;
  CREATE TRIGGER tenant_file_added AFTER INSERT ON files BEGIN
    INSERT INTO tenants VALUES (NEW.tenant, 1, NEW.bytes)
      ON CONFLICT (tenant) DO UPDATE SET files = files + 1, bytes = bytes + NEW.bytes;
  END;
  CREATE TRIGGER tenant_file_removed AFTER DELETE ON files BEGIN
    UPDATE tenants SET files = files - 1, bytes = bytes - OLD.bytes WHERE tenant = OLD.tenant;
    DELETE FROM tenants WHERE tenant = OLD.tenant AND files = 0;
  END;

  -- Keys whose bytes were removed as leftovers, so that no upload that was held up makes a file of them.
  CREATE TABLE condemned (
    blob TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
]

/** Brings a database to the newest version. Throws `storage_failure` for one of a newer server; `subject` is for its message. */
export function migrate(database: DatabaseSync, steps: readonly string[], subject: string): void {
  // Taken first: of two servers that start at once, the second finds the work done.
  database.exec('BEGIN IMMEDIATE')
  try {
    const version = schemaVersion(database)
    if (version > steps.length) {
      throw new AerieError(
        'storage_failure',
        `${subject}: the database has version ${version}, this server knows ${steps.length}: it was written by a newer one`,
      )
    }
    for (const step of steps.slice(version)) database.exec(step)
    database.exec(`PRAGMA user_version = ${steps.length}`)
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

export function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
}
