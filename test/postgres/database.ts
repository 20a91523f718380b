import { createHash, randomBytes } from 'node:crypto';
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

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Makes a database, and returns its name. */
async function makeDatabase(server: pg.Client, template: string): Promise<string> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await server.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY = FILE_COPY`);
  return name;
}

/** A new, empty database of the PostgreSQL that the tests have; or, where `template` is the name of one, a copy of that. */
export async function temporaryDatabase(template = 'template1'): Promise<{ url: string; name: string; cleanUp: () => Promise<void> }> {
  const port = await postgresPort();
  const server = await connected(urlOf(port, 'postgres'));
  const name = await makeDatabase(server, template);
  // The connection stays for the end of it, since making one takes as long as many a test.
  return {
    ...{ url: urlOf(port, name), name },
    cleanUp: async () => {
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.end();
    },
  };
}

/** Any number: whoever makes a template holds the lock of it, so that no other process makes the same. */
const TEMPLATES_LOCK = 4_711;

/** Those that this file of tests knows to be there. */
const there = new Set<string>();

/** The name of a database that is made by `fill` once in a run of Jest, for copies of it. `what` says what is in it. */
export async function templateDatabase(what: string, fill: (url: string) => Promise<void>): Promise<string> {
  const name = `template_${createHash('sha256').update(what).digest('hex').slice(0, 32)}`;
  if (there.has(name)) return name;
  const port = await postgresPort();
  const server = await connected(urlOf(port, 'postgres'));
  try {
    await server.query(`SELECT pg_advisory_lock(${String(TEMPLATES_LOCK)})`);
    const { rowCount } = await server.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) {
      const made = await makeDatabase(server, 'template1');
      await fill(urlOf(port, made));
      // Whoever comes first reads all of the catalogue, and leaves what he found for the next, who are those of the copies too.
      await runSql(urlOf(port, made), 'SELECT 1');
      // Under its name it is whole.
      await server.query(`ALTER DATABASE ${made} RENAME TO ${name}`);
    }
    there.add(name);
    return name;
  } finally {
    await server.end();
  }
}
