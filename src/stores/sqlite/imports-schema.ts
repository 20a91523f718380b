/**
 * Which keys and accounts came with which import. What an import without `done_at` has made is hidden: it is still under way, or was
 * interrupted. So a million keys appear with the change of one row, and nothing is ever half there.
 *
 * A program of schema 1 does not know this. It goes on refusing keys of foreign forms without a look-up, and may see keys and accounts of
 * an import that is under way; what it admits is charged as ever.
 */
export const IMPORTS = `
CREATE TABLE imports (
  ref INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  begun_at INTEGER NOT NULL,
  done_at INTEGER,
  undone_at INTEGER,
  accounts INTEGER NOT NULL,
  keys INTEGER NOT NULL
) STRICT;
CREATE INDEX imports_not_done ON imports (ref) WHERE done_at IS NULL;
CREATE TABLE imported_accounts (
  import_ref INTEGER NOT NULL REFERENCES imports (ref),
  account_ref INTEGER NOT NULL,
  PRIMARY KEY (import_ref, account_ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE imported_keys (
  import_ref INTEGER NOT NULL REFERENCES imports (ref),
  key_ref INTEGER NOT NULL,
  PRIMARY KEY (import_ref, key_ref)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_account ON keys (account_ref);
CREATE TRIGGER imports_done_raises AFTER UPDATE OF done_at ON imports BEGIN UPDATE state SET generation = generation + 1; END;
`;
