/** The database of responses, version by version. */

/** Each runs once and in one transaction. Never change one that was released; add another. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE responses (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    previous TEXT,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- Who generates it, and until when that server is known to live; null when it has ended.
    server TEXT,
    until INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body TEXT NOT NULL,
    input TEXT NOT NULL
  ) STRICT;
  CREATE INDEX responses_of_tenant ON responses (tenant, id);
  CREATE INDEX responses_expiring ON responses (expires_at);

  -- Pictures, clips and sounds as they came, once for each tenant that brought them.
  CREATE TABLE media (
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (tenant, sha256)
  ) STRICT;
  CREATE TABLE media_of_responses (
    response TEXT NOT NULL,
    place INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (response, place)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER medium_used AFTER INSERT ON media_of_responses BEGIN
    UPDATE media SET uses = uses + 1 WHERE tenant = NEW.tenant AND sha256 = NEW.sha256;
  END;
  CREATE TRIGGER medium_given_up AFTER DELETE ON media_of_responses BEGIN
    UPDATE media SET uses = uses - 1 WHERE tenant = OLD.tenant AND sha256 = OLD.sha256;
    DELETE FROM media WHERE tenant = OLD.tenant AND sha256 = OLD.sha256 AND uses = 0;
  END;
  CREATE TRIGGER response_gone AFTER DELETE ON responses BEGIN
    DELETE FROM media_of_responses WHERE response = OLD.id;
  END;

  -- Kept by triggers, so that a quota costs the same however many responses there are.
  CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    responses INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER response_counted AFTER INSERT ON responses BEGIN
    INSERT INTO tenants VALUES (NEW.tenant, 1, NEW.bytes)
      ON CONFLICT (tenant) DO UPDATE SET responses = responses + 1, bytes = bytes + NEW.bytes;
  END;
  CREATE TRIGGER response_discounted AFTER DELETE ON responses BEGIN
    UPDATE tenants SET responses = responses - 1, bytes = bytes - OLD.bytes WHERE tenant = OLD.tenant;
    DELETE FROM tenants WHERE tenant = OLD.tenant AND responses = 0;
  END;
  CREATE TRIGGER response_grown AFTER UPDATE OF bytes ON responses BEGIN
    UPDATE tenants SET bytes = bytes + NEW.bytes - OLD.bytes WHERE tenant = NEW.tenant;
  END;
  CREATE TRIGGER medium_counted AFTER INSERT ON media BEGIN
    UPDATE tenants SET bytes = bytes + NEW.bytes WHERE tenant = NEW.tenant;
  END;
  CREATE TRIGGER medium_discounted AFTER DELETE ON media BEGIN
    UPDATE tenants SET bytes = bytes - OLD.bytes WHERE tenant = OLD.tenant;
  END;
  `,
]
