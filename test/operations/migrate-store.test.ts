import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { EXPORTED_KINDS, type ArchiveRow, type ArchiveWrites, type Kind } from '../../src/domain/archive.ts';
import { parseDebitId } from '../../src/domain/debit.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import type { Store, WriteTransaction } from '../../src/domain/store.ts';
import type { WebhookAnswer, WebhookRequest } from '../../src/domain/webhook-post.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { alertActs } from '../../src/operations/alert-acts.ts';
import { deliverAlerts } from '../../src/operations/deliver-alerts.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { migrateStore, previewMigration } from '../../src/operations/migrate-store.ts';
import { noticeAll } from '../../src/operations/notice-alerts.ts';
import { proveBooks } from '../../src/operations/prove-books.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { reset } from '../../src/operations/reset.ts';
import { setWebhook } from '../../src/operations/set-webhook.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { ACTOR, temporaryStore, type TemporaryStore } from '../harness.ts';
import { requestBy, STORE_KINDS } from '../stores/contract.ts';
import { addAccount, failureOf, trail } from './account-fixture.ts';
import { comparable, exported } from './archive-fixture.ts';
import { diagnose, tamper, wrongIn } from './doctor-fixture.ts';
import { AT_ONCE, importRecords, keysOf } from './import-fixture.ts';
import { DAY, makeKey, words } from './key-fixture.ts';

const NOW = '2026-11-22T12:00:00.000Z';

let opened: Awaited<ReturnType<typeof temporaryStore>>;
let place: TemporaryStore;
let secret: string;

const tell = (): undefined => undefined;
const move = (more: Partial<Parameters<typeof migrateStore>[0]> = {}) =>
  migrateStore({ source: opened.store, target: place.store, actor: ACTOR, tell, ...more });

/** Opens the old place as a command would. */
const openOld = (mode: 'read' | 'write' | 'create') =>
  openStore({ location: opened.path, mode, clock: () => opened.clock.now, randomBytes, busyTimeoutMs: 100 });

beforeEach(async () => {
  opened = await temporaryStore(NOW);
  secret = await use(opened.store);
});

afterEach(() => opened.cleanUp());

/** A store that was in use for some days, with something of every kind. */
async function use(store: Store): Promise<string> {
  const { clock } = opened;
  await addAccount(store, 'acme', 'standard');
  const { apiKey } = await makeKey(store, 'web', { account: 'acme', dailyCap: 100_000, note: 'größer als ASCII' });
  await makeKey(store, 'old', { account: 'acme' });
  await importRecords(store, keysOf('moved', 3));
  const charge = (requestId: string) => store.settle([requestBy({ apiKey }, { requestId, requestIdRule: 'header' })]);
  for (let day = 0; day < 3; day += 1) {
    for (let n = 0; n < 7; n += 1) await charge(`request-${String(day)}-${String(n)}`);
    await store.write((tx) =>
      tx.usage.addDenials([
        {
          ...{ at: clock.now, keyId: null, account: null, service: null, code: 'invalid_api_key' },
          ip: '192.0.2.1',
          requestId: null,
          count: 3,
        },
      ]),
    );
    clock.now += DAY;
    if (day < 2) await reset(store, ACTOR, false, AT_ONCE);
  }
  const [verdict] = await charge('refunded');
  await refundDebit(store, parseDebitId(verdict?.debitId ?? '') ?? 0, { kind: 'shell', actor: ACTOR, reason: 'a test' });
  await charge('kept');
  await giveCredit(store, { account: 'acme', amount: 500, day: undefined, reason: 'a test' }, ACTOR, randomBytes);
  await disableKeys(store, { references: [words('old')], reason: 'a test', only: false }, ACTOR);
  await alertOf(store, (cost) => store.settle([requestBy({ apiKey }, { cost })]));
  return apiKey;
}

/** The webhook, the thresholds of one account and the end of one key that were told of, and three messages: one was delivered, two wait. */
const IN_NO_EXPORT = 1 + 1 + 1 + 3;

/** Has alerts set, and one threshold told of; another one and the end of a key are noticed, and wait. */
async function alertOf(store: Store, spend: (cost: number) => Promise<unknown>): Promise<void> {
  const chosen = { url: 'https://alerts.example.test/', allowHttp: false, newSecret: false, thresholds: [2, 5] };
  await setWebhook(store, chosen, ACTOR, randomBytes);
  await spend(6_000);
  expect(await deliver(store)).toEqual([expect.objectContaining({ threshold: 2 })]);
  await makeKey(store, 'ends', { account: 'acme', expiresAt: opened.clock.now + DAY });
  await spend(10_000);
  await noticeAll(store, randomBytes);
}

/** Notices and delivers everything; what the receiver was told. */
async function deliver(store: Store): Promise<readonly Record<string, unknown>[]> {
  const told: Record<string, unknown>[] = [];
  const post = ({ body }: WebhookRequest): Promise<WebhookAnswer> => {
    told.push((JSON.parse(body) as { data: Record<string, unknown> }).data);
    return Promise.resolve({ kind: 'answered', status: 204, retryAfter: null, text: '' });
  };
  await noticeAll(store, randomBytes);
  await deliverAlerts({ acts: alertActs(store, randomBytes), post, signal: new AbortController().signal });
  return told;
}

describe.each(STORE_KINDS)('a move to $name', (kind) => {
  beforeEach(async () => {
    place = await kind.open(NOW);
    place.clock.now = opened.clock.now;
  });

  afterEach(() => place.cleanUp());

  test('takes everything along, to what everybody is answered next', async () => {
    const before = await exported(opened.store);
    const kinds = new Set(before.map(({ type }) => type));
    expect(EXPORTED_KINDS.filter((kind) => !kinds.has(kind) && kind !== 'setting')).toEqual([]);
    const report = await move();
    expect(report).toEqual({
      ...{ store: opened.path, to: place.store.location, dryRun: false },
      ...{ rows: before.length - 2 + IN_NO_EXPORT, accounts: 3, keys: 6, debits: 25 },
    });
    const after = await exported(place.store);
    // Each store lists its tiers in its own order, and that of what a tier is said to be is its own.
    expect(byTier(after.slice(1, -2))).toEqual(byTier(before.slice(1, -1)));
    expect((await trail(place.store)).at(-1)).toMatchObject({ action: 'store.migrate', before: { store: opened.path } });
    const [verdict] = await place.store.settle([requestBy({ apiKey: secret }, { requestId: 'kept', requestIdRule: 'header' })]);
    expect(verdict).toMatchObject({ code: 'ok', replayed: true });
    const { findings } = await proveBooks(place.store);
    expect(findings.filter(({ severity }) => severity !== 'ok')).toEqual([]);
    if (kind.name === 'SQLite') expect(wrongIn(await diagnose(place.path, place.clock))).toEqual({});
  });

  test('takes alerts along: who is told, what was told of, and what waits to be delivered', async () => {
    const alertsOf = (store: Store) =>
      store.read(async (tx) => ({ webhook: await tx.alerts.webhook(), messages: await tx.alerts.page(null, null, 9) }));
    const before = await alertsOf(opened.store);
    expect(before.messages.map(({ status }) => status)).toEqual(['waiting', 'waiting', 'delivered']);
    await move();
    expect(await alertsOf(place.store)).toEqual(before);
    const told = await deliver(place.store);
    expect(told.map(({ threshold, key }) => threshold ?? key)).toEqual([5, expect.objectContaining({ name: 'ends' })]);
    expect(await deliver(place.store)).toEqual([]);
    await place.store.settle([requestBy({ apiKey: secret }, { cost: 1 })]);
    expect(await deliver(place.store)).toEqual([]);
  });

  test('leaves a store that nobody uses any more: not a server that has it open, no command, no upgrade, no restore', async () => {
    const server = (await openOld('write')).store;
    await server.settle([requestBy({ apiKey: secret })]);
    await move();
    const moved = { code: 'store_moved', message: expect.stringContaining(place.store.location) };
    await expect(server.settle([requestBy({ apiKey: secret })])).rejects.toMatchObject(moved);
    await expect(server.read((tx) => tx.accounts.count({}))).rejects.toMatchObject(moved);
    await server.close();
    for (const mode of ['read', 'write', 'create'] as const) await expect(openOld(mode)).rejects.toMatchObject(moved);
    expect(wrongIn(await diagnose(opened.path, opened.clock))).toMatchObject({ store: 'error' });
    const db = new Database(opened.path);
    // What a release that never heard of moving asks.
    expect(db.prepare('SELECT max(usable_since) FROM schema_versions').pluck().get()).toBe(1_000_000);
    db.close();
  });

  test('goes into an empty store only, and a try of it changes nothing', async () => {
    const preview = (target: Store | null) => previewMigration({ source: opened.store, target, to: 'there', tell });
    const before = await exported(opened.store);
    expect(await preview(null)).toMatchObject({ to: 'there', dryRun: true, rows: before.length - 2 + IN_NO_EXPORT, debits: 25 });
    expect(await preview(place.store)).toMatchObject({ dryRun: true, keys: 6 });
    await makeKey(place.store, 'theirs', {});
    expect(await failureOf(preview(place.store))).toBe('conflict');
    expect(await failureOf(move())).toBe('conflict');
    expect(comparable(await exported(opened.store))).toEqual(comparable(before));
    await opened.store.settle([requestBy({ apiKey: secret })]);
  });

  test('that is stopped, or loses or changes a row on the way, leaves both as they were', async () => {
    const [before, empty] = [await exported(opened.store), await exported(place.store)];
    const stopped = move({
      tell: ({ done }) => {
        if (done > 20) throw new KeyctlError('cancelled', 'Cancelled; nothing was changed.');
      },
    });
    expect(await failureOf(stopped)).toBe('cancelled');
    for (const [kind, change] of Object.entries(CHANGES) as [Kind, Change][]) {
      const failure = move({ target: changing(place.store, kind, change) });
      await expect(failure).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining(kind) });
      expect(comparable(await exported(place.store))).toEqual(comparable(empty));
    }
    const twice = move({ target: changing(place.store, 'usedDay', (rows) => [...rows, ...rows]) });
    await expect(twice).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining('does not fit') });
    expect(comparable(await exported(place.store))).toEqual(comparable(empty));
    expect(comparable(await exported(opened.store))).toEqual(comparable(before));
    expect((await move()).keys).toBe(6);
  });

  test('of a store whose books do not hold is refused, and says so', async () => {
    tamper(opened.path, 'UPDATE closed_days SET spent = spent + 100');
    for (const act of [() => move(), () => previewMigration({ source: opened.store, target: null, to: 'there', tell })]) {
      await expect(act()).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining(opened.path) });
    }
    await opened.store.settle([requestBy({ apiKey: secret })]);
  });

  test('lets nobody write meanwhile, who is told that the store is busy', async () => {
    const other = (await openOld('write')).store;
    let failure = '';
    await move({
      target: changing(place.store, 'audit', async (rows) => {
        failure = await failureOf(other.settle([requestBy({ apiKey: secret })]));
        return rows;
      }),
    });
    expect(failure).toBe('store_busy');
    await other.close();
  });
});

/** Lines in their order, but for those of tiers, which go by their names. */
function byTier(lines: readonly Readonly<Record<string, unknown>>[]): unknown {
  const tiers = lines.filter(({ type }) => type === 'tier').sort((one, other) => (String(one['name']) < String(other['name']) ? -1 : 1));
  return [lines.filter(({ type }) => type !== 'tier'), tiers];
}

type Change = (rows: readonly Record<string, unknown>[]) => unknown;

/** What a copy could do wrong; each is seen by the sums alone or by the proof of the books. */
const CHANGES: Partial<Record<Kind, Change>> = {
  debit: (rows) => rows.slice(1),
  requestId: (rows) => rows.map((row) => ({ ...row, cost: Number(row['cost']) + 1 })),
  usedHour: (rows) => [...rows, { ...rows[0], hour: Number(rows[0]?.['hour']) - 240 }],
  key: (rows) => rows.map((row) => ({ ...row, note: null })),
  adjustment: (rows) => rows.map((row) => ({ ...row, amount: 501 })),
  webhook: (rows) => rows.map((row) => ({ ...row, url: 'https://example.test/' })),
  message: (rows) => rows.map((row) => ({ ...row, attempts: 7 })),
};

/** The store, but that it puts in something else than it is given. */
function changing(store: Store, changed: Kind, change: Change): Store {
  const archiveOf = (tx: WriteTransaction): ArchiveWrites => ({
    ...bound(tx.archive),
    put: async <Name extends Kind>(kind: Name, rows: readonly ArchiveRow<Name>[]) =>
      tx.archive.put(kind, kind === changed ? ((await change(rows)) as readonly ArchiveRow<Name>[]) : rows),
  });
  return {
    ...{ location: store.location, read: (act) => store.read(act), settle: (requests) => store.settle(requests) },
    ...{ writeBeside: (act) => store.writeBeside(act), preview: (requests) => store.preview(requests), close: () => store.close() },
    write: (act) => store.write((tx, now) => act(Object.assign(Object.create(tx) as WriteTransaction, { archive: archiveOf(tx) }), now)),
  };
}

function bound(archive: ArchiveWrites): ArchiveWrites {
  return {
    ...{ isUntouched: () => archive.isUntouched(), count: (scope) => archive.count(scope), sums: (kind) => archive.sums(kind) },
    ...{ rows: (kind, scope) => archive.rows(kind, scope), clear: (source) => archive.clear(source), seal: () => archive.seal() },
    ...{ put: (kind, rows) => archive.put(kind, rows), giveUp: (to, at) => archive.giveUp(to, at) },
  };
}
