/** What keys have used, where replicas share it. */
import type { DatabaseSchema } from '../files/postgres-schema.ts'

export const LIMITS_SCHEMA: DatabaseSchema = {
  name: 'aerie_limits',
  subject: 'limits',
  steps: [
    `
    -- Unlogged: what a crash of the database forgets would have come back within a minute.
    CREATE UNLOGGED TABLE aerie_limits.used (
      name text COLLATE "C" NOT NULL PRIMARY KEY,
      at timestamptz NOT NULL,
      -- By the place of the meter.
      used double precision[] NOT NULL
    );

    -- All of the amounts or none, whatever is_owed; limits in a minute, null for meters without one. The clock is the database's, read
    -- when the row is ours. refused: the place of the first that did not fit, from 1.
    CREATE FUNCTION aerie_limits.take(
      key text, amounts double precision[], limits double precision[], is_owed boolean,
      OUT refused integer, OUT used double precision[]
    ) LANGUAGE plpgsql AS $$
    DECLARE
      seconds double precision;
      moment timestamptz;
      earlier timestamptz;
    BEGIN
      INSERT INTO aerie_limits.used AS u VALUES (key, clock_timestamp(), array_fill(0::double precision, ARRAY[cardinality(limits)]))
        ON CONFLICT (name) DO NOTHING;
      SELECT u.at, u.used INTO earlier, take.used FROM aerie_limits.used AS u WHERE u.name = key FOR UPDATE;
      moment := clock_timestamp();
      seconds := greatest(0, extract(epoch FROM moment - earlier));
      FOR i IN 1 .. cardinality(limits) LOOP
        used[i] := CASE WHEN limits[i] IS NULL THEN 0
          ELSE greatest(0, coalesce(used[i], 0) - seconds * limits[i] / 60) END;
        IF refused IS NULL AND NOT is_owed AND amounts[i] > 0 AND used[i] + amounts[i] > limits[i] * (1 + 1e-9) THEN
          refused := i;
        END IF;
      END LOOP;
      IF refused IS NULL THEN
        FOR i IN 1 .. cardinality(limits) LOOP
          IF limits[i] IS NOT NULL THEN used[i] := greatest(0, used[i] + amounts[i]); END IF;
        END LOOP;
      END IF;
      UPDATE aerie_limits.used AS u SET at = greatest(moment, earlier), used = take.used WHERE u.name = key;
    END $$;
    `,
  ],
}
