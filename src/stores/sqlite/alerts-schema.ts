/**
 * The webhook, what was told of, and the outbox. `told_thresholds` has the highest threshold of an account's day, and `told_expiries` the end
 * of a key, of which there has been a message: it is written in the transaction that puts the message into `alerts`, so that there is one.
 * `due_at` is when a message is tried next, or, while somebody tries, when that is taken to have failed; null when it is over.
 *
 * Programs of earlier schemas do not look at any of it and go on.
 */
export const ALERTS = `
CREATE TABLE webhook (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  url TEXT NOT NULL,
  allows_http INTEGER NOT NULL CHECK (allows_http IN (0, 1)),
  secret TEXT NOT NULL,
  former_secret TEXT,
  former_until INTEGER,
  thresholds TEXT NOT NULL,
  expiry_ms INTEGER,
  since_day INTEGER
) STRICT;
CREATE TABLE told_thresholds (
  day INTEGER NOT NULL,
  account_ref INTEGER NOT NULL,
  threshold INTEGER NOT NULL CHECK (threshold BETWEEN 0 AND 100),
  PRIMARY KEY (day, account_ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE told_expiries (key_ref INTEGER PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT;
CREATE TABLE alerts (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  at INTEGER NOT NULL,
  body TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('waiting', 'delivered', 'given-up')),
  attempts INTEGER NOT NULL,
  due_at INTEGER CHECK ((due_at IS NOT NULL) = (status = 'waiting')),
  last_at INTEGER,
  last_result TEXT,
  ended_at INTEGER
) STRICT;
CREATE INDEX alerts_waiting ON alerts (due_at) WHERE status = 'waiting';
CREATE INDEX alerts_given_up ON alerts (number) WHERE status = 'given-up';
CREATE INDEX alerts_by_time ON alerts (at);
CREATE INDEX keys_by_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL;
`;
