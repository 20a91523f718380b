/**
 * Servers and when they last gave a sign, for whoever asks whether one is running. Nothing that verifies a key reads it, and programs of
 * earlier schemas do without.
 */
export const SERVERS = `
CREATE TABLE servers (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  address TEXT NOT NULL,
  version TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;
