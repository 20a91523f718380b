import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import pg from 'pg';

/** The port of the PostgreSQL that this run of Jest has; the first who asks starts it and waits for it. */
async function postgresPort(): Promise<number> {
  const door = Number(process.env['KEYCTL_TEST_POSTGRES']);
  const socket = connect(door, '127.0.0.1');
  let said = '';
  socket.on('data', (chunk) => (said += String(chunk)));
  await once(socket, 'close');
  const { port, error } = JSON.parse(said) as { port?: number; error?: string };
  if (port === undefined) throw new Error(`These tests need PostgreSQL, which did not start: ${error ?? ''}`);
  return port;
}

function urlOf(port: number, database: string): string {
  return `postgres://postgres@127.0.0.1:${String(port)}/${database}?sslmode=disable`;
}

/** Runs statements in a database, one after the other, on a connection of their own. */
export async function runSql(url: string, ...statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

/** A new, empty database of the PostgreSQL that the tests have. */
export async function temporaryDatabase(): Promise<{ url: string; cleanUp: () => Promise<void> }> {
  const port = await postgresPort();
  const name = `test_${randomBytes(8).toString('hex')}`;
  const server = urlOf(port, 'postgres');
  await runSql(server, `CREATE DATABASE ${name} STRATEGY = FILE_COPY`);
  return {
    url: urlOf(port, name),
    cleanUp: async () => {
      await runSql(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}
