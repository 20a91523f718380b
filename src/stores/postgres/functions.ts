import { BOOKS_LOCK, NUMBERS_LOCK } from './locks.ts';

/** Rows that follow from others, and the trail that nobody rewrites. */
const TRIGGERS = `
CREATE FUNCTION raise_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE keyctl.state SET generation = generation + 1;
  RETURN NULL;
END $$;

CREATE FUNCTION open_running_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO keyctl.running_days (account_ref) SELECT ref FROM added ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER accounts_open AFTER INSERT ON accounts REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION open_running_days();

CREATE FUNCTION drop_running_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM keyctl.running_days r USING removed WHERE r.account_ref = removed.ref;
  RETURN NULL;
END $$;
CREATE TRIGGER accounts_drop AFTER DELETE ON accounts REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION drop_running_days();

CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER audit_keeps_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();

CREATE FUNCTION number_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  next bigint := 1 + coalesce((SELECT max(number) FROM keyctl.audit), 0);
BEGIN
  IF NEW.number IS NULL THEN
    NEW.number := next;
  ELSIF NEW.number <> next THEN
    RAISE EXCEPTION 'the audit trail is numbered without gaps';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_counts_on BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION number_audit();
`;

/**
 * Debits are numbered by the microsecond, over all nodes: the numbers rise, and none is given twice. A sequence keeps the last one, since
 * it is not taken back with a transaction, and what a commit brings to the disk it brings there as well.
 *
 * `take_debit_numbers` reads the clock and reserves `wanted` numbers, in one short lock of the session, so that later numbers have later
 * times. Tests give the time. `settled_through` is the highest number of which it is known that its debit is there or never will be:
 * nobody settles while it is read. It waits for those who do.
 */
const NUMBERS = `
CREATE FUNCTION clock_ms() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE FUNCTION take_debit_numbers(wanted bigint, given bigint, OUT now bigint, OUT first bigint) LANGUAGE plpgsql AS $$
BEGIN
  IF wanted = 0 THEN
    now := coalesce(given, keyctl.clock_ms());
    first := now * 1000;
    RETURN;
  END IF;
  PERFORM pg_advisory_lock(${NUMBERS_LOCK});
  BEGIN
    now := coalesce(given, keyctl.clock_ms());
    SELECT greatest(last_value + 1, now * 1000) INTO first FROM keyctl.debit_numbers;
    PERFORM setval('keyctl.debit_numbers', first + wanted - 1);
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    PERFORM pg_advisory_unlock(${NUMBERS_LOCK});
    RAISE;
  END;
  PERFORM pg_advisory_unlock(${NUMBERS_LOCK});
END $$;

CREATE FUNCTION settled_through() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  through bigint;
BEGIN
  PERFORM pg_advisory_lock(${BOOKS_LOCK});
  BEGIN
    SELECT last_value INTO through FROM keyctl.debit_numbers;
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    PERFORM pg_advisory_unlock(${BOOKS_LOCK});
    RAISE;
  END;
  PERFORM pg_advisory_unlock(${BOOKS_LOCK});
  RETURN through;
END $$;
`;

export const FUNCTIONS = TRIGGERS + NUMBERS;
