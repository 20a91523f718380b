import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import type { Key } from '../../../src/domain/entities.ts';
import type { Store } from '../../../src/domain/store.ts';
import { openPostgresStore } from '../../../src/stores/postgres/store.ts';
import { runSql, temporaryDatabase } from '../../postgres/database.ts';
import { wireTo, type Wire } from '../../postgres/wire.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';

const NOW = Date.parse('2026-11-28T10:00:00Z');
const BUSY_TIMEOUT_MS = 100;

let url: string;
let wire: Wire;
let store: Store;
let key: Key & { readonly apiKey: string };
let cleanUp: () => Promise<void>;

async function open(at: string, busyTimeoutMs = BUSY_TIMEOUT_MS): Promise<Store> {
  return (await openPostgresStore({ url: at, mode: 'write', clock: () => NOW, randomBytes, busyTimeoutMs, env: {} })).store;
}

beforeEach(async () => {
  const database = await temporaryDatabase();
  url = database.url;
  const made = await openPostgresStore({ url, mode: 'create', clock: () => NOW, randomBytes, busyTimeoutMs: 5_000, env: {} });
  key = await addKey(made.store, await addAccount(made.store, 'acme'));
  await made.store.close();
  wire = await wireTo(url);
  store = await open(wire.url);
  cleanUp = async () => {
    wire.thaw();
    await store.close();
    await wire.close();
    await database.cleanUp();
  };
});
afterEach(() => cleanUp());

async function debits(): Promise<number> {
  const [row] = await runSql(url, 'SELECT count(*)::int AS n FROM keyctl.debits');
  return Number(row?.['n']);
}

async function eventuallyOk(): Promise<void> {
  for (;;) {
    const code = await settleOne(store, requestBy(key)).then(
      (verdict) => verdict.code,
      (error: unknown) => (error as { code: string }).code,
    );
    if (code === 'ok') return;
    expect(code).toBe('store_busy');
  }
}

describe('a connection that is lost', () => {
  test('between two batches costs no request its answer', async () => {
    expect(await settleOne(store, requestBy(key))).toMatchObject({ code: 'ok' });
    wire.cut();
    expect(await settleOne(store, requestBy(key))).toMatchObject({ code: 'ok' });
    expect(await debits()).toBe(2);
  });

  test('while a commit is answered leaves it unknown; the same request id is charged once', async () => {
    const request = requestBy(key, { requestId: 'order-1' });
    wire.loseAnswer('COMMIT\0');
    await expect(settleOne(store, request)).rejects.toMatchObject({ code: 'store_busy' });
    expect(await settleOne(store, request)).toMatchObject({ code: 'ok', replayed: true });
    expect(await debits()).toBe(1);
  });

  test('to a server that stands still is given up, and made again when it goes on', async () => {
    wire.freeze();
    await expect(settleOne(store, requestBy(key))).rejects.toMatchObject({ code: 'store_busy' });
    wire.thaw();
    await eventuallyOk();
  });

  test('is told without words of the driver, and with what may have become of it', async () => {
    await wire.close();
    const failure = await settleOne(store, requestBy(key)).catch((error: unknown) => error as Error & { hint: string });
    expect(failure).toMatchObject({ code: 'store_busy', message: expect.stringContaining('cannot be reached') });
    wire = await wireTo(url);
  });
});

test('the hosts of a URL are tried in turn', async () => {
  const nobody = createServer();
  await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
  const closed = String((nobody.address() as AddressInfo).port);
  await new Promise((resolve) => nobody.close(resolve));
  const several = await open(url.replace('@', `@127.0.0.1:${closed},`));
  expect(await settleOne(several, requestBy(key))).toMatchObject({ code: 'ok' });
  await several.close();
});

describe('a transaction that the server gives up', () => {
  async function refuseFirst(times: number, state: string): Promise<void> {
    await runSql(
      url,
      'SET search_path = keyctl',
      'CREATE SEQUENCE refusals',
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF nextval('keyctl.refusals') <= ${String(times)} THEN RAISE EXCEPTION 'again' USING ERRCODE = '${state}'; END IF;
         RETURN NULL; END $$`,
      'CREATE TRIGGER refuse AFTER UPDATE ON running_days FOR EACH STATEMENT EXECUTE FUNCTION refuse()',
    );
  }

  test.each(['40001', '40P01'])('with %s is begun again, and charges once', async (state) => {
    await refuseFirst(3, state);
    expect(await settleOne(store, requestBy(key))).toMatchObject({ code: 'ok', credits: { remaining: 99_900 } });
    expect(await debits()).toBe(1);
  });

  test('is not begun again without end', async () => {
    await refuseFirst(1_000, '40001');
    await expect(settleOne(store, requestBy(key))).rejects.toMatchObject({ code: 'store_busy' });
    expect(await debits()).toBe(0);
  });

  test('because somebody holds the books for long is busy, and goes on afterwards', async () => {
    const other = await open(url, 5_000);
    await other.write(async () => {
      await expect(settleOne(store, requestBy(key))).rejects.toMatchObject({ code: 'store_busy' });
    });
    await other.close();
    expect(await settleOne(store, requestBy(key))).toMatchObject({ code: 'ok' });
  });

  test('and that says only later how it stands, is over before the next one begins', async () => {
    expect(await settleOne(store, requestBy(key))).toMatchObject({ code: 'ok' });
    wire.dawdle();
    const other = await open(url, 5_000);
    await other.write(async () => {
      await expect(settleOne(store, requestBy(key))).rejects.toMatchObject({ code: 'store_busy' });
    });
    await other.close();
    expect(await settleOne(store, requestBy(key))).toMatchObject({ code: 'ok' });
  });
});

test('a day for which nobody has made a table gets one with its first debit', async () => {
  await runSql(url, 'DROP TABLE keyctl.debits_2026_11_28');
  expect(await settleOne(store, requestBy(key))).toMatchObject({ code: 'ok' });
  expect(await debits()).toBe(1);
});
