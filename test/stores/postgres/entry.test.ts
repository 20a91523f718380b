import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAddress } from '../../../src/stores/postgres/address.ts';
import { openPostgresStore } from '../../../src/stores/postgres/store.ts';
import { temporaryFolder } from '../../harness.ts';
import { runSql, temporaryDatabase } from '../../postgres/database.ts';

const PASSWORD = 'p:w@\\/%';
let url: string;
let folder: ReturnType<typeof temporaryFolder>;
let cleanUp: () => Promise<void>;

beforeEach(async () => {
  const database = await temporaryDatabase();
  const name = /\/(\w+)\?/.exec(database.url)?.[1] ?? '';
  await runSql(
    database.url,
    `DO $$ BEGIN CREATE ROLE with_password LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
    `ALTER ROLE with_password PASSWORD '${PASSWORD}'`,
    `GRANT CREATE ON DATABASE ${name} TO with_password`,
  );
  url = database.url.replace('postgres@', 'with_password@');
  folder = temporaryFolder();
  cleanUp = async () => {
    folder.cleanUp();
    await database.cleanUp();
  };
});
afterEach(() => cleanUp());

async function enter(at: string, env: Record<string, string> = {}): Promise<string> {
  const { store } = await openPostgresStore({ url: at, mode: 'create', clock: null, randomBytes, busyTimeoutMs: 2_000, env });
  await store.close();
  return store.location;
}

function passwordFile(mode: number): string {
  const file = join(folder.path, 'pgpass');
  writeFileSync(file, `# who goes where\nelsewhere:*:*:*:wrong\n127.0.0.1:*:*:with_password:${PASSWORD.replaceAll(/[:\\]/g, '\\$&')}\n`);
  chmodSync(file, mode);
  return file;
}

describe('the password', () => {
  test('comes from the URL, the environment or a file, and is never shown', async () => {
    const within = url.replace('with_password@', `with_password:${encodeURIComponent(PASSWORD)}@`);
    expect(await enter(within)).toBe(url);
    expect(await enter(url, { PGPASSWORD: PASSWORD })).toBe(url);
    expect(await enter(url, { PGPASSFILE: passwordFile(0o600) })).toBe(url);
    expect(await enter(`${url}&passfile=${encodeURIComponent(passwordFile(0o600))}`)).toBe(url);
  });

  test('that is wrong, or missing, is told with a hint and without it', async () => {
    for (const env of [{ PGPASSWORD: 'not-the-one' }, {}]) {
      const failure = await enter(url, env).catch((error: unknown) => error as Error & { hint: string });
      expect(failure).toMatchObject({ code: 'store_read_only', hint: expect.stringContaining('PGPASSFILE') });
      expect(JSON.stringify([failure, String(failure)])).not.toContain('not-the-one');
    }
  });

  test('of a file that others may read is not used', async () => {
    await expect(enter(url, { PGPASSFILE: passwordFile(0o644) })).rejects.toMatchObject({ code: 'usage' });
  });
});

test('without a word about it, a server without TLS is refused', async () => {
  await expect(enter(url.replace('?sslmode=disable', ''))).rejects.toMatchObject({
    code: 'store_read_only',
    hint: expect.stringContaining('sslmode=disable'),
  });
});

test('a database that there is not is a missing store', async () => {
  await expect(enter(url.replace(/\/\w+\?/, '/nowhere?').replace('with_password', 'postgres'))).rejects.toMatchObject({
    code: 'store_missing',
  });
});

describe('a URL', () => {
  test('names a user, several hosts with their ports, and a database', () => {
    expect(parseAddress('postgresql://api%40x@db1:5433,[::1],db3/keys?application_name=node-1', 'root')).toMatchObject({
      ...{ user: 'api@x', database: 'keys', tls: 'verify-full', applicationName: 'node-1' },
      hosts: [
        { host: 'db1', port: 5433 },
        { host: '::1', port: 5432 },
        { host: 'db3', port: 5432 },
      ],
    });
  });

  test('of a Unix socket needs no TLS', () => {
    expect(parseAddress('postgres:///keys?host=/run/postgresql', 'api')).toMatchObject({
      ...{ user: 'api', tls: 'disable', hosts: [{ host: '/run/postgresql', port: 5432 }] },
    });
  });

  test.each([
    'postgres://h:port/db',
    'postgres://u:secret@h/db?sslmode=perhaps',
    'postgres://u:sec%ret@h/db',
    'postgres://h/db?secret=x',
    'postgres:secret',
  ])('that cannot be read is refused and not repeated: %s', (text) => {
    const failure = (() => {
      try {
        return parseAddress(text, 'root');
      } catch (error) {
        return error as Error & { hint: string };
      }
    })();
    expect(failure).toMatchObject({ code: 'usage' });
    expect(JSON.stringify(failure)).not.toContain('secret');
  });
});
