/** The servers over this database and when each last gave a sign. */
export const SERVERS = `
CREATE TABLE servers (
  id text PRIMARY KEY,
  host text NOT NULL,
  pid bigint NOT NULL,
  address text NOT NULL,
  version text NOT NULL,
  started_at bigint NOT NULL,
  seen_at bigint NOT NULL
);
`;
