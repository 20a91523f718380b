import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPostgresStore } from '../../../src/stores/postgres/store.ts';
import { temporaryFolder } from '../../harness.ts';
import { newAuthority } from '../../postgres/certificate.ts';
import { runSql } from '../../postgres/database.ts';
import { DATABASE, OneServer } from '../../postgres/one-server.ts';

// A real handshake: a server with a certificate for 127.0.0.1, which is not that of localhost.

let server: OneServer;
let folder: ReturnType<typeof temporaryFolder>;
/** The files of the authority that has signed the certificate, and of another. */
const files = { right: '', wrong: '' };

beforeAll(async () => {
  const [right, wrong] = [newAuthority('the authority'), newAuthority('another authority')];
  folder = temporaryFolder();
  for (const [name, { certificate }] of Object.entries({ right, wrong })) {
    const file = join(folder.path, `${name}.crt`);
    writeFileSync(file, certificate);
    files[name as keyof typeof files] = file;
  }
  server = await OneServer.make();
  const { certificate, key } = right.issue('127.0.0.1');
  server.put('server.crt', certificate);
  server.put('server.key', key);
  server.set('ssl = on');
  await server.run();
  await runSql(server.url('postgres'), `CREATE DATABASE ${DATABASE}`);
});

afterAll(async () => {
  await server.stop();
  folder.cleanUp();
});

async function enter(host: string, parameters: Readonly<Record<string, string>>): Promise<'entered'> {
  const url = `postgres://postgres@${host}:${String(server.port)}/${DATABASE}?${String(new URLSearchParams(parameters))}`;
  const { store } = await openPostgresStore({ url, mode: 'create', clock: null, randomBytes, busyTimeoutMs: 2_000, env: {} });
  await store.close();
  return 'entered';
}

/** How many of the connections that say so are encrypted, as the server sees it. */
async function encrypted(): Promise<unknown> {
  const [row] = await runSql(
    server.url(DATABASE),
    "SELECT bool_and(ssl) AS all FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'looked-at'",
  );
  return row?.['all'];
}

describe('without a word about it, or with verify-full', () => {
  test('a server passes that has a certificate of its name, by an authority that is named; what is said is encrypted', async () => {
    expect(await enter('127.0.0.1', { sslrootcert: files.right })).toBe('entered');
    expect(await enter('127.0.0.1', { sslmode: 'verify-full', sslrootcert: files.right })).toBe('entered');
    const url = `postgres://postgres@127.0.0.1:${String(server.port)}/${DATABASE}?sslrootcert=${files.right}&application_name=looked-at`;
    const { store } = await openPostgresStore({ url, mode: 'write', clock: null, randomBytes, busyTimeoutMs: 2_000, env: {} });
    expect(await encrypted()).toBe(true);
    await store.close();
  });

  test('one whose certificate is of another name is refused, and the hint says what can be done', async () => {
    await expect(enter('localhost', { sslrootcert: files.right })).rejects.toMatchObject({
      code: 'store_read_only',
      message: expect.stringContaining('is of another name'),
      hint: expect.stringContaining('sslmode=verify-ca'),
    });
  });

  test.each([
    ['by another authority', () => ({ sslrootcert: files.wrong })],
    ['by one that the system does not know', () => ({})],
  ])('one whose certificate is %s is refused, and the hint says what can be done', async (_, parameters) => {
    await expect(enter('127.0.0.1', parameters())).rejects.toMatchObject({
      code: 'store_read_only',
      message: expect.stringContaining('is not trusted'),
      hint: expect.stringContaining('sslrootcert'),
    });
  });

  test('a file of authorities that cannot be read is told, and not repeated', async () => {
    const failure = await enter('127.0.0.1', { sslrootcert: join(folder.path, 'nowhere') }).catch(
      (error: unknown) => error as Error & { hint: string },
    );
    expect(failure).toMatchObject({ code: 'usage', hint: expect.stringContaining('sslrootcert') });
    expect(String(failure)).not.toContain('nowhere');
  });
});

describe('with less', () => {
  test('verify-ca asks for the authority, whatever the name', async () => {
    expect(await enter('localhost', { sslmode: 'verify-ca', sslrootcert: files.right })).toBe('entered');
    await expect(enter('localhost', { sslmode: 'verify-ca', sslrootcert: files.wrong })).rejects.toMatchObject({
      code: 'store_read_only',
      message: expect.stringContaining('is not trusted'),
    });
  });

  test('require asks for TLS alone', async () => {
    expect(await enter('localhost', { sslmode: 'require' })).toBe('entered');
  });
});
