/** The tables of responses in PostgreSQL, as those of SQLite are, version by version. */
import type { DatabaseSchema } from '../files/postgres-schema.ts'

export const RESPONSES_SCHEMA: DatabaseSchema = {
  name: 'aerie_responses',
  subject: 'responses',
  steps: [
    `
    CREATE TABLE aerie_responses.responses (
      id text COLLATE "C" NOT NULL PRIMARY KEY,
      tenant text COLLATE "C" NOT NULL,
      previous text,
      status text NOT NULL,
      created_at bigint NOT NULL,
      expires_at bigint NOT NULL,
      -- Who generates it, and until when that server is known to live; null when it has ended.
      server text,
      until bigint NOT NULL,
      bytes bigint NOT NULL,
      body text NOT NULL,
      input text NOT NULL
    );
    CREATE INDEX ON aerie_responses.responses (tenant, id);
    CREATE INDEX ON aerie_responses.responses (expires_at);

    -- Pictures, clips and sounds as they came, once for each tenant that brought them.
    CREATE TABLE aerie_responses.media (
      tenant text COLLATE "C" NOT NULL,
      sha256 text COLLATE "C" NOT NULL,
      bytes bigint NOT NULL,
      uses bigint NOT NULL,
      content bytea NOT NULL,
      PRIMARY KEY (tenant, sha256)
    );
    -- Base64 of compressed pictures does not get smaller.
    ALTER TABLE aerie_responses.media ALTER COLUMN content SET STORAGE EXTERNAL;
    CREATE TABLE aerie_responses.media_of_responses (
      response text COLLATE "C" NOT NULL,
      place integer NOT NULL,
      tenant text COLLATE "C" NOT NULL,
      sha256 text COLLATE "C" NOT NULL,
      PRIMARY KEY (response, place)
    );

    -- Kept by triggers, so that a quota costs the same however many responses there are.
    CREATE TABLE aerie_responses.tenants (
      tenant text COLLATE "C" NOT NULL PRIMARY KEY,
      responses bigint NOT NULL,
      bytes bigint NOT NULL
    );

    CREATE FUNCTION aerie_responses.count_response() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO aerie_responses.tenants AS t VALUES (NEW.tenant, 1, NEW.bytes)
          ON CONFLICT (tenant) DO UPDATE SET responses = t.responses + 1, bytes = t.bytes + NEW.bytes;
      ELSIF TG_OP = 'UPDATE' THEN
        UPDATE aerie_responses.tenants SET bytes = bytes + NEW.bytes - OLD.bytes WHERE tenant = NEW.tenant;
      ELSE
        DELETE FROM aerie_responses.media_of_responses WHERE response = OLD.id;
        UPDATE aerie_responses.tenants SET responses = responses - 1, bytes = bytes - OLD.bytes
          WHERE tenant = OLD.tenant;
        DELETE FROM aerie_responses.tenants WHERE tenant = OLD.tenant AND responses = 0;
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER response_counted AFTER INSERT OR DELETE OR UPDATE OF bytes ON aerie_responses.responses
      FOR EACH ROW EXECUTE FUNCTION aerie_responses.count_response();

    CREATE FUNCTION aerie_responses.count_use() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        UPDATE aerie_responses.media SET uses = uses + 1 WHERE tenant = NEW.tenant AND sha256 = NEW.sha256;
      ELSE
        UPDATE aerie_responses.media SET uses = uses - 1 WHERE tenant = OLD.tenant AND sha256 = OLD.sha256;
        DELETE FROM aerie_responses.media WHERE tenant = OLD.tenant AND sha256 = OLD.sha256 AND uses = 0;
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER use_counted AFTER INSERT OR DELETE ON aerie_responses.media_of_responses
      FOR EACH ROW EXECUTE FUNCTION aerie_responses.count_use();

    CREATE FUNCTION aerie_responses.count_medium() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        UPDATE aerie_responses.tenants SET bytes = bytes + NEW.bytes WHERE tenant = NEW.tenant;
      ELSE
        UPDATE aerie_responses.tenants SET bytes = bytes - OLD.bytes WHERE tenant = OLD.tenant;
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER medium_counted AFTER INSERT OR DELETE ON aerie_responses.media
      FOR EACH ROW EXECUTE FUNCTION aerie_responses.count_medium();
    `,
  ],
}

/** For locks of transactions: who counts, adds or removes waits for the others who do, so that quotas hold and nobody is in another's way. */
export const RESPONSES_LOCK = 7_061_974_003n
