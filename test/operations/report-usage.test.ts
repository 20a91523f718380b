import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { CountedDenial, Store } from '../../src/domain/store.ts';
import { MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import { createAccount } from '../../src/operations/create-account.ts';
import { createService } from '../../src/operations/create-service.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { deleteService } from '../../src/operations/delete-service.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { reportUsage, usageJson, type ReportUsage } from '../../src/operations/report-usage.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { chargeRequests } from '../../src/operations/charge-requests.ts';
import { ACTOR } from '../harness.ts';
import { addAccount, charge, failureOf, memoryStore } from './account-fixture.ts';
import { makeKey, spend, words } from './key-fixture.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

function noon() {
  return memoryStore(new Date(NOON).toISOString());
}

function report(store: Store, wanted: Partial<ReportUsage> = {}) {
  const blank = {
    since: undefined,
    until: undefined,
    month: undefined,
    by: undefined,
    account: undefined,
    key: undefined,
    service: undefined,
  };
  return reportUsage(store, { ...blank, ...wanted });
}

function deny(store: Store, denial: Partial<CountedDenial>): Promise<void> {
  return store.write((tx, now) =>
    tx.usage.addDenials([
      { at: now, keyId: null, account: null, service: 'default', code: 'invalid_api_key', ip: null, requestId: null, count: 1, ...denial },
    ]),
  );
}

function brief(rows: Awaited<ReturnType<typeof report>>['rows']) {
  return rows.map(({ bucket, requests, credits, denied }) => [bucket, requests, credits, denied]);
}

describe('usage', () => {
  test('hours without traffic are rows of zeros, and the total is what the rows add up to', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 3);
    clock.now = NOON + 2 * MS_PER_HOUR + 5;
    await charge(store, 'default', 2);
    await deny(store, { count: 4 });
    const usage = await report(store, { since: NOON });
    expect(brief(usage.rows)).toEqual([
      ['2026-11-22T12:00:00.000Z', 3, 300, {}],
      ['2026-11-22T13:00:00.000Z', 0, 0, {}],
      ['2026-11-22T14:00:00.000Z', 2, 200, { invalid_api_key: 4 }],
    ]);
    expect(usage.total).toEqual({ requests: 5, credits: 500, denied: { invalid_api_key: 4 } });
  });

  test('days without traffic too, and a month has all of its days', async () => {
    const { store, clock } = await noon();
    await charge(store, 'default', 1);
    clock.now = NOON + 2 * MS_PER_DAY;
    await charge(store, 'default', 4);
    expect(brief((await report(store, { since: NOON, by: 'day' })).rows)).toEqual([
      ['2026-11-22', 1, 100, {}],
      ['2026-11-23', 0, 0, {}],
      ['2026-11-24', 4, 400, {}],
    ]);
    const month = await report(store, { month: { first: 20_758, next: 20_788 } });
    expect(month.rows).toHaveLength(30);
    expect(month.rows[0]?.bucket).toBe('2026-11-01');
    expect(month.total).toMatchObject({ requests: 5, credits: 500 });
  });

  test('by account a row says whose it is, for the invoice, with the tier of the last day of the period', async () => {
    const { store, clock } = await noon();
    const { id } = await createAccount(store, { name: 'acme', tier: 'standard', externalId: 'C-17' }, ACTOR, randomBytes);
    await charge(store, 'acme', 2);
    await charge(store, 'default', 1);
    await deny(store, { account: 'acme', code: 'request_limit_reached', count: 7 });
    await deny(store, { count: 3 });
    clock.now = NOON + MS_PER_DAY;
    await setTier(store, { account: 'acme', tier: 'startup', timing: 'now' }, ACTOR);
    const period = { since: NOON, until: NOON + 12 * MS_PER_HOUR, by: 'account' } as const;
    expect((await report(store, period)).rows).toEqual([
      {
        ...{ bucket: null, account: null, accountId: null, externalId: null, tier: null },
        ...{ requests: 0, credits: 0, denied: { invalid_api_key: 3 } },
      },
      expect.objectContaining({ bucket: 'default', account: 'default', externalId: null, tier: 'free', requests: 1 }),
      {
        ...{ bucket: 'acme', account: 'acme', accountId: id, externalId: 'C-17', tier: 'standard' },
        ...{ requests: 2, credits: 200, denied: { request_limit_reached: 7 } },
      },
    ]);
    expect((await report(store, { since: NOON, by: 'account' })).rows[2]).toMatchObject({ tier: 'startup' });
  });

  test('by key a live one goes by its account and name, a deleted one by its id', async () => {
    const { store } = await noon();
    const first = await makeKey(store, 'prod');
    await spend(store, first.apiKey, 2);
    await deleteKey(store, words('prod'), ACTOR);
    const second = await makeKey(store, 'prod');
    await spend(store, second.apiKey, 3);
    await charge(store, 'default', 4);
    const { rows } = await report(store, { by: 'key' });
    expect(brief(rows)).toEqual([
      [null, 4, 400, {}],
      [first.key.id, 2, 200, {}],
      ['default/prod', 3, 300, {}],
    ]);
    expect(rows[1]).toMatchObject({ account: 'default', tier: 'free' });
    expect((await report(store, { key: words(first.key.id) })).total).toMatchObject({ requests: 2 });
  });

  test('by service a deleted one keeps its name, and one made anew is the same to the reader', async () => {
    const { store } = await noon();
    const maps = { name: 'maps', cost: 10, environment: null };
    const chargeMaps = () => chargeRequests(store, { account: undefined, key: undefined, service: 'maps', requests: 2 }, ACTOR);
    await createService(store, maps, ACTOR);
    await chargeMaps();
    await deleteService(store, 'maps', ACTOR);
    expect(brief((await report(store, { by: 'service' })).rows)).toEqual([['maps', 2, 20, {}]]);
    await createService(store, { ...maps, cost: 20 }, ACTOR);
    await chargeMaps();
    await charge(store, 'default', 1);
    expect(brief((await report(store, { by: 'service' })).rows)).toEqual([
      ['default', 1, 100, {}],
      ['maps', 4, 60, {}],
    ]);
    expect((await report(store, { service: 'maps' })).total).toMatchObject({ requests: 4, credits: 60 });
    expect(await failureOf(report(store, { service: 'nowhere' }))).toBe('not_found');
  });

  test('by code the admitted ones are ok', async () => {
    const { store } = await noon();
    await charge(store, 'default', 2);
    await deny(store, { code: 'request_limit_reached', count: 5 });
    await deny(store, { count: 3 });
    expect(brief((await report(store, { by: 'code' })).rows)).toEqual([
      ['ok', 2, 200, {}],
      ['invalid_api_key', 0, 0, { invalid_api_key: 3 }],
      ['request_limit_reached', 0, 0, { request_limit_reached: 5 }],
    ]);
  });

  test('one account is seen without the others, and with what it has left today', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme');
    await charge(store, 'acme', 2);
    await charge(store, 'default', 9);
    await deny(store, { count: 3 });
    const acme = await report(store, { account: 'acme' });
    expect(acme.total).toEqual({ requests: 2, credits: 200, denied: {} });
    expect(acme.credits).toMatchObject({ granted: 100_000, spent: 200 });
    expect(acme.rows.every((row) => row.account === 'acme' && row.tier === 'free')).toBe(true);
    expect((await report(store)).credits).toBeNull();
    clock.now = NOON + MS_PER_DAY;
    expect((await report(store, { account: 'acme', since: NOON })).credits).toMatchObject({ spent: 0 });
  });

  test('while there is one account, its balance is what is asked for', async () => {
    const { store } = await noon();
    await charge(store, 'default', 1);
    const json = usageJson(await report(store, { since: NOON, by: 'hour' }));
    expect(json).toEqual({
      ...{ from: '2026-11-22T12:00:00.000Z', to: '2026-11-22T13:00:00.000Z', by: 'hour' },
      rows: [
        {
          ...{ bucket: '2026-11-22T12:00:00.000Z', account: null, accountId: null, externalId: null, tier: null },
          ...{ requests: 1, credits: 100, denied: {} },
        },
      ],
      total: { requests: 1, credits: 100, denied: {} },
      credits: {
        ...{ day: '2026-11-22', granted: 100_000, adjusted: 0, spent: 100, remaining: 99_900, resetsAt: '2026-11-23T00:00:00.000Z' },
      },
      forecast: { state: 'lasts', exhaustedAt: null, spentByReset: 605, basis: 'pace', days: 0 },
    });
  });

  test('its sums are those of the debits, before, between and after folding, with refunds at any time', async () => {
    const { store, clock } = await noon();
    await addAccount(store, 'acme');
    for (let hour = 0; hour < 30; hour += 1) {
      clock.now = NOON + hour * MS_PER_HOUR;
      await charge(store, hour % 3 === 0 ? 'acme' : 'default', 1 + (hour % 4));
    }
    const debits = await store.read((tx) => tx.debits.page({}, null, 1_000));
    const refund = async (index: number) => {
      await refundDebit(store, debits.at(index)?.number ?? 0, { kind: 'shell', actor: ACTOR, reason: 'test' });
    };
    const check = async () => {
      const now = await store.read((tx) => tx.debits.page({}, null, 1_000));
      const spent = now.reduce((sum, debit) => sum + (debit.refundedAt === null ? debit.cost : 0), 0);
      for (const by of ['hour', 'day', 'account', 'service', 'key', 'code'] as const) {
        const { rows, total } = await report(store, { since: NOON, by });
        expect(total).toMatchObject({ requests: now.length, credits: spent });
        expect(rows.reduce((sum, row) => sum + row.credits, 0)).toBe(spent);
        expect(rows.reduce((sum, row) => sum + row.requests, 0)).toBe(now.length);
      }
    };
    await check();
    await refund(3);
    await check();
    await store.write((tx) => tx.usage.fold(20));
    await check();
    await refund(-1);
    await refund(0);
    await check();
    await store.write((tx) => tx.usage.fold(1_000));
    await refund(10);
    await check();
  });
});
