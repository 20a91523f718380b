import { ALERTS } from './alerts-schema.ts';
import { AUDIT_NUMBERS } from './audit-schema.ts';
import { IMPORTS } from './imports-schema.ts';
import { SERVERS } from './servers-schema.ts';

/** `kctl` in ASCII: how a keyctl file is told from any other SQLite file. */
export const APPLICATION_ID = 0x6b63746c;

/** One step of the schema. Migrations only add, so that the release before can go on with the store. */
export interface Migration {
  readonly version: number;
  /** The oldest schema number whose programs may still use a store that has this migration. */
  readonly usableSince: number;
  readonly sql: string;
}

/**
 * Units: `*_at` milliseconds since the epoch, `day` UTC days, `hour` UTC hours since the epoch, credits whole numbers.
 * `ref` columns are row numbers. Hot tables have no foreign keys and no secondary indexes.
 *
 * A settle only appends to debits, whose primary key is the time. They are the journal of running_days and usage_hours: `through` is
 * the last debit that a row holds, those of higher numbers are still to be added to it, and up to `folded_through` every row holds
 * every debit. `folds` counts what was added, `books` the changes of running_days that follow from no debit; book_changes has the last of
 * them, with the account, or 0 for many. usage_days and key_activity are summed up from usage_hours when a day's books are counted, account
 * by account, and follow every change from then on.
 */
const FIRST = `
CREATE TABLE schema_versions (
  version INTEGER PRIMARY KEY,
  usable_since INTEGER NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  generation INTEGER NOT NULL,
  books INTEGER NOT NULL,
  folds INTEGER NOT NULL,
  folded_through INTEGER NOT NULL,
  ahead_micros INTEGER NOT NULL,
  closed_through INTEGER NOT NULL,
  counting_day INTEGER NOT NULL
) STRICT;

CREATE TABLE config (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE key_prefixes (prefix TEXT PRIMARY KEY, since INTEGER NOT NULL, place INTEGER NOT NULL) STRICT;
CREATE TABLE resets (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, day INTEGER NOT NULL) STRICT;

CREATE TABLE environments (name TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE services (
  ref INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  cost INTEGER NOT NULL CHECK (cost BETWEEN 0 AND 1000000000),
  environment TEXT REFERENCES environments (name),
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX services_live_name ON services (name) WHERE deleted_at IS NULL;

CREATE TABLE tiers (name TEXT PRIMARY KEY, deleted_at INTEGER) STRICT;
CREATE TABLE tier_credits (
  tier TEXT NOT NULL REFERENCES tiers (name) ON DELETE CASCADE,
  from_day INTEGER NOT NULL,
  credits INTEGER NOT NULL CHECK (credits BETWEEN 0 AND 1000000000000000),
  PRIMARY KEY (tier, from_day)
) STRICT, WITHOUT ROWID;
CREATE TABLE tier_limits (
  tier TEXT NOT NULL REFERENCES tiers (name) ON DELETE CASCADE,
  service TEXT NOT NULL,
  requests_per_second INTEGER NOT NULL CHECK (requests_per_second BETWEEN 1 AND 1000000),
  burst INTEGER NOT NULL CHECK (burst BETWEEN 1 AND 1000000),
  PRIMARY KEY (tier, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
  ref INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  external_id TEXT UNIQUE,
  created_at INTEGER NOT NULL,
  suspended_at INTEGER
) STRICT;
CREATE TABLE account_tiers (
  account_ref INTEGER NOT NULL REFERENCES accounts (ref),
  from_day INTEGER NOT NULL,
  tier TEXT NOT NULL REFERENCES tiers (name),
  decided_at INTEGER NOT NULL,
  PRIMARY KEY (account_ref, from_day)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_tiers_by_tier ON account_tiers (tier, account_ref);
CREATE INDEX account_tiers_by_day ON account_tiers (from_day);

CREATE TABLE keys (
  ref INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account_ref INTEGER NOT NULL REFERENCES accounts (ref),
  name TEXT NOT NULL,
  environment TEXT NOT NULL REFERENCES environments (name),
  digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
  mask TEXT NOT NULL,
  note TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  disabled_at INTEGER,
  disabled_reason TEXT,
  deleted_at INTEGER,
  rotated_from TEXT,
  rotated_to TEXT,
  services TEXT NOT NULL,
  allowed_ips TEXT NOT NULL,
  daily_cap INTEGER CHECK (daily_cap BETWEEN 0 AND 1000000000000000),
  cap_group INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX keys_live_name ON keys (account_ref, name) WHERE deleted_at IS NULL;
CREATE INDEX keys_by_name ON keys (name);
CREATE INDEX keys_by_cap_group ON keys (cap_group);

CREATE TABLE running_days (
  account_ref INTEGER PRIMARY KEY,
  day INTEGER NOT NULL,
  granted INTEGER NOT NULL CHECK (granted >= 0),
  adjusted INTEGER NOT NULL,
  spent INTEGER NOT NULL CHECK (spent >= 0),
  arrivals TEXT NOT NULL,
  through INTEGER NOT NULL,
  CHECK (granted + adjusted - spent >= 0)
) STRICT;
CREATE TABLE book_changes (version INTEGER PRIMARY KEY, account_ref INTEGER NOT NULL) STRICT;
CREATE TABLE past_days (
  day INTEGER NOT NULL,
  account_ref INTEGER NOT NULL,
  granted INTEGER NOT NULL CHECK (granted >= 0),
  adjusted INTEGER NOT NULL,
  spent INTEGER NOT NULL CHECK (spent >= 0),
  PRIMARY KEY (day, account_ref),
  CHECK (granted + adjusted - spent >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE closed_days (
  day INTEGER PRIMARY KEY,
  closed_at INTEGER NOT NULL,
  accounts INTEGER NOT NULL,
  granted INTEGER NOT NULL,
  adjusted INTEGER NOT NULL,
  spent INTEGER NOT NULL,
  counted_through INTEGER NOT NULL
) STRICT;
CREATE TABLE cap_spending (
  cap_group INTEGER NOT NULL,
  day INTEGER NOT NULL,
  spent INTEGER NOT NULL CHECK (spent >= 0),
  PRIMARY KEY (day, cap_group)
) STRICT, WITHOUT ROWID;

CREATE TABLE adjustments (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  account_ref INTEGER NOT NULL REFERENCES accounts (ref),
  day INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL
) STRICT;
CREATE INDEX adjustments_by_account ON adjustments (account_ref, day);
CREATE INDEX adjustments_by_day ON adjustments (day);

CREATE TABLE debits (
  number INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  account_ref INTEGER NOT NULL,
  key_ref INTEGER,
  service_ref INTEGER NOT NULL,
  cost INTEGER NOT NULL CHECK (cost >= 0),
  balance_after INTEGER NOT NULL CHECK (balance_after >= 0),
  request_id TEXT,
  refunded_at INTEGER,
  arrival INTEGER
) STRICT;
CREATE TABLE request_ids (
  account_ref INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  debit INTEGER NOT NULL,
  key_ref INTEGER,
  service_ref INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  replays_left INTEGER,
  refunded INTEGER NOT NULL CHECK (refunded IN (0, 1)),
  PRIMARY KEY (account_ref, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_ids_by_expiry ON request_ids (expires_at);

CREATE TABLE usage_hours (
  hour INTEGER NOT NULL,
  account_ref INTEGER NOT NULL,
  key_ref INTEGER NOT NULL,
  service_ref INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  credits INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  through INTEGER NOT NULL,
  PRIMARY KEY (hour, account_ref, key_ref, service_ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE usage_days (
  day INTEGER NOT NULL,
  account_ref INTEGER NOT NULL,
  key_ref INTEGER NOT NULL,
  service_ref INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  credits INTEGER NOT NULL,
  PRIMARY KEY (day, account_ref, key_ref, service_ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE key_activity (key_ref INTEGER PRIMARY KEY, last_used_at INTEGER NOT NULL) STRICT;
CREATE TABLE denied_hours (
  hour INTEGER NOT NULL,
  account_ref INTEGER NOT NULL,
  key_ref INTEGER NOT NULL,
  service_ref INTEGER NOT NULL,
  code TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (hour, account_ref, key_ref, service_ref, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE denied_days (
  day INTEGER NOT NULL,
  account_ref INTEGER NOT NULL,
  key_ref INTEGER NOT NULL,
  service_ref INTEGER NOT NULL,
  code TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (day, account_ref, key_ref, service_ref, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE denials (
  number INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  account_ref INTEGER,
  key_ref INTEGER,
  service_ref INTEGER,
  code TEXT NOT NULL,
  ip TEXT,
  request_id TEXT,
  requests INTEGER NOT NULL
) STRICT;
CREATE INDEX denials_by_time ON denials (at);

CREATE TABLE audit (
  number INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  claimed_actor TEXT,
  os_user TEXT NOT NULL,
  sudo_user TEXT,
  host TEXT NOT NULL,
  action TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  target_id TEXT NOT NULL,
  target_name TEXT NOT NULL,
  before TEXT,
  after TEXT
) STRICT;
CREATE INDEX audit_by_target ON audit (target_id);
CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_keeps_words BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
`;

/** Whatever `settle` keeps in memory comes from these tables; a change of any of them raises the generation that makes it forget. */
const CACHED_TABLES = ['config', 'services', 'environments', 'tiers', 'tier_credits', 'tier_limits', 'accounts', 'account_tiers', 'keys'];

function generationTriggers(): string {
  return CACHED_TABLES.flatMap((table) =>
    ['INSERT', 'UPDATE', 'DELETE'].map(
      (event) =>
        `CREATE TRIGGER ${table}_${event.toLowerCase()}_raises AFTER ${event} ON ${table} BEGIN UPDATE state SET generation = generation + 1; END;`,
    ),
  ).join('\n');
}

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, usableSince: 1, sql: FIRST + generationTriggers() },
  { version: 2, usableSince: 1, sql: IMPORTS },
  { version: 3, usableSince: 1, sql: AUDIT_NUMBERS },
  { version: 4, usableSince: 1, sql: ALERTS },
  { version: 5, usableSince: 1, sql: SERVERS },
];

export const SCHEMA_VERSION: number = MIGRATIONS.at(-1)?.version ?? 0;
