/** Schemas of a PostgreSQL database, version by version; a table `version` in each says how many of its steps it has had. */
import type { PoolClient } from 'pg'
import { AerieError } from '../errors.ts'

export interface DatabaseSchema {
  readonly name: string
  /** For messages: whose tables they are. */
  readonly subject: string
  /** Each runs once, all that are new in one transaction. Never change one that was released; add another. */
  readonly steps: readonly string[]
}

export const FILES_SCHEMA: DatabaseSchema = {
  name: 'aerie',
  subject: 'files',
  steps: [
    `
  CREATE TABLE aerie.store (
    -- Names the part of the bucket that belongs to this database and to no other.
    id text NOT NULL
  );
  INSERT INTO aerie.store VALUES (substr(md5(gen_random_uuid()::text), 1, 16));

  -- Ids and keys are compared by their bytes, whatever language the database speaks.
  CREATE TABLE aerie.files (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    blob text COLLATE "C" NOT NULL UNIQUE,
    filename text NOT NULL,
    purpose text NOT NULL,
    bytes bigint NOT NULL,
    sha256 text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint
  );
  CREATE INDEX files_of_tenant ON aerie.files (tenant, id);
  CREATE INDEX files_expiring ON aerie.files (expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE aerie.totals (files bigint NOT NULL, bytes bigint NOT NULL);
  INSERT INTO aerie.totals VALUES (0, 0);
  CREATE TABLE aerie.tenants (
    tenant text COLLATE "C" NOT NULL PRIMARY KEY,
    files bigint NOT NULL,
    bytes bigint NOT NULL
  );
  -- Keys whose bytes were removed as leftovers, so that no upload that was held up makes a file of them.
  CREATE TABLE aerie.condemned (
    blob text COLLATE "C" NOT NULL PRIMARY KEY,
    at bigint NOT NULL
  );

  -- Kept by triggers, so that a quota costs the same however many files there are.
  CREATE FUNCTION aerie.count_file() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'INSERT' THEN
      UPDATE aerie.totals SET files = files + 1, bytes = bytes + NEW.bytes;
      INSERT INTO aerie.tenants AS t VALUES (NEW.tenant, 1, NEW.bytes)
        ON CONFLICT (tenant) DO UPDATE SET files = t.files + 1, bytes = t.bytes + NEW.bytes;
    ELSE
      UPDATE aerie.totals SET files = files - 1, bytes = bytes - OLD.bytes;
      UPDATE aerie.tenants SET files = files - 1, bytes = bytes - OLD.bytes WHERE tenant = OLD.tenant;
      DELETE FROM aerie.tenants WHERE tenant = OLD.tenant AND files = 0;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER file_counted AFTER INSERT OR DELETE ON aerie.files
    FOR EACH ROW EXECUTE FUNCTION aerie.count_file();

  -- The row of totals is locked first by all who insert or condemn: they come one after the other, so that nobody takes room
  -- that another has just taken, and no key is both inserted and condemned. Each statement after it sees what was committed.
  CREATE FUNCTION aerie.insert_file(file aerie.files, max_bytes bigint, max_tenant_bytes bigint)
  RETURNS text LANGUAGE plpgsql AS $$
  DECLARE
    total bigint;
    own bigint;
  BEGIN
    SELECT bytes INTO total FROM aerie.totals FOR UPDATE;
    IF EXISTS (SELECT FROM aerie.condemned WHERE blob = file.blob) THEN RETURN 'condemned'; END IF;
    IF total + file.bytes > max_bytes THEN RETURN 'full'; END IF;
    SELECT bytes INTO own FROM aerie.tenants WHERE tenant = file.tenant;
    IF coalesce(own, 0) + file.bytes > max_tenant_bytes THEN RETURN 'tenant-full'; END IF;
    INSERT INTO aerie.files SELECT file.*;
    RETURN 'inserted';
  END $$;

  CREATE FUNCTION aerie.condemn(keys text[], now bigint, old bigint)
  RETURNS SETOF text LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM FROM aerie.totals FOR UPDATE;
    DELETE FROM aerie.condemned WHERE at < old;
    RETURN QUERY
      INSERT INTO aerie.condemned AS c SELECT key, now FROM unnest(keys) AS key
        WHERE NOT EXISTS (SELECT FROM aerie.files WHERE blob = key)
        ON CONFLICT (blob) DO UPDATE SET at = now RETURNING c.blob;
  END $$;
  `,
  ],
}

/** Any number, as long as no other program takes the same one for a lock in this database. */
const LOCK = 7_061_974_001n

/** How long a server waits for another one that migrates. */
const LOCK_TIMEOUT_MS = 60_000

/**
 * Brings the schema to the newest version; of several servers that start at once, one does so and the others wait. Throws
 * `storage_failure` for one of a newer server, and PostgreSQL's own errors.
 */
export async function migrate(client: PoolClient, schema: DatabaseSchema): Promise<void> {
  const { name, subject, steps } = schema
  await client.query('BEGIN')
  try {
    // A long migration is no statement that hangs.
    await client.query(
      `SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`,
    )
    await client.query({ text: 'SELECT pg_advisory_xact_lock($1)', values: [LOCK], ...PATIENT })
    // Asked first: to make it, even IF NOT EXISTS, needs a right that the owner of the schema need not have.
    const { rows } = await client.query('SELECT to_regnamespace($1) IS NULL AS missing', [name])
    if (rows[0].missing) await client.query(`CREATE SCHEMA ${name}`)
    await client.query(`CREATE TABLE IF NOT EXISTS ${name}.version (steps integer NOT NULL)`)
    const version = await schemaVersion(client, schema)
    if (version > steps.length) {
      const what = `the database has version ${version}, this server knows ${steps.length}`
      throw new AerieError('storage_failure', `${subject}: ${what}: it was written by a newer one`)
    }
    for (const step of steps.slice(version)) await client.query({ text: step, ...PATIENT })
    await client.query(`DELETE FROM ${name}.version`)
    await client.query(`INSERT INTO ${name}.version VALUES ($1)`, [steps.length])
    await client.query('COMMIT')
  } catch (error) {
    // Where the connection is gone, so is the transaction.
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/** Read by `pg` for one query in place of the pool's; absent from its types. */
const PATIENT = { query_timeout: 2 * LOCK_TIMEOUT_MS }

/** Steps that the schema has had. */
export async function schemaVersion(
  client: Pick<PoolClient, 'query'>,
  { name }: DatabaseSchema,
): Promise<number> {
  const { rows } = await client.query(`SELECT steps FROM ${name}.version`)
  return Number(rows[0]?.steps ?? 0)
}
