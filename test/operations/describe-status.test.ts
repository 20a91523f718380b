import { describe, expect, test } from '@jest/globals';
import { MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import { describeStatus, statusJson } from '../../src/operations/describe-status.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { ACTOR } from '../harness.ts';
import { addAccount, charge, memoryStore } from './account-fixture.ts';
import { makeKey, words } from './key-fixture.ts';
import { runReset } from './reset-fixture.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe('the day at a glance', () => {
  test('of a new store', async () => {
    const { store } = await memoryStore(new Date(NOON).toISOString());
    expect(statusJson(await describeStatus(store))).toEqual({
      ...{ store: store.location, day: '2026-11-22', today: { requests: 0, credits: 0, denied: {} }, accounts: 1, busiest: [] },
      keys: { active: 0, disabled: 0, expired: 0, deleted: 0 },
      expiring: { count: 0, keys: [] },
      lastReset: null,
      ...{ resetsAt: '2026-11-23T00:00:00.000Z', resetsInSeconds: 12 * 3_600, at: '2026-11-22T12:00:00.000Z' },
      hours: Array.from({ length: 13 }, (_, hour) => ({
        ...{ hour: new Date(NOON + (hour - 12) * MS_PER_HOUR).toISOString(), requests: 0, credits: 0, denied: {} },
      })),
      tightest: [],
      pace: { seconds: 10, requestsPerSecond: 0, creditsPerSecond: 0, keys: [] },
      servers: [],
      alerts: null,
    });
  });

  test('names the busiest accounts, what was denied, and when reset ran', async () => {
    const { store, clock } = await memoryStore(new Date(NOON).toISOString());
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await addAccount(store, name, 'standard');
    await charge(store, 'a', 50);
    clock.now = NOON + MS_PER_DAY;
    await runReset(store);
    for (const [index, name] of ['b', 'c', 'd', 'e', 'f', 'default'].entries()) await charge(store, name, 10 - index);
    await store.write((tx, now) =>
      tx.usage.addDenials([
        { at: now, keyId: null, account: null, service: null, code: 'invalid_api_key', ip: null, requestId: null, count: 4 },
      ]),
    );
    const status = statusJson(await describeStatus(store));
    expect(status).toMatchObject({
      day: '2026-11-23',
      today: { requests: 45, credits: 4_500, denied: { invalid_api_key: 4 } },
      accounts: 7,
    });
    expect(status['busiest']).toEqual([
      {
        ...{ account: 'b', tier: 'standard', spent: 1_000, allowance: 300_000, remaining: 299_000 },
        forecast: { state: 'lasts', exhaustedAt: null, spentByReset: expect.any(Number), basis: 'pace', days: 0 },
      },
      ...['c', 'd', 'e', 'f'].map((account) => expect.objectContaining({ account }) as unknown),
    ]);
    expect(status['tightest']).toEqual([]);
    expect(status['hours']).toHaveLength(13);
    expect((status['hours'] as unknown[])[12]).toEqual({
      ...{ hour: '2026-11-23T12:00:00.000Z', requests: 45, credits: 4_500, denied: { invalid_api_key: 4 } },
    });
    expect(status['lastReset']).toEqual({ at: '2026-11-23T12:00:00.000Z', day: '2026-11-23' });
  });

  test('names those near the end of their credits, however small they are, the nearest first', async () => {
    const { store } = await memoryStore(new Date(NOON).toISOString());
    for (const [name, tier, requests] of [
      ['large', 'professional', 7_000],
      ['below', 'free', 749],
      ['near', 'free', 750],
      ['spent', 'free', 1_000],
    ] as const) {
      await addAccount(store, name, tier);
      await charge(store, name, requests);
    }
    const { tightest } = await describeStatus(store);
    expect(tightest.map(({ account, forecast }) => [account, forecast.state])).toEqual([
      ['spent', 'spent'],
      ['near', 'runs_out'],
    ]);
  });

  test('counts keys by status and warns of those that end within a week', async () => {
    const { store, clock } = await memoryStore(new Date(NOON).toISOString());
    const ending = await makeKey(store, 'soon', { expiresAt: NOON + 7 * MS_PER_DAY });
    await makeKey(store, 'later', { expiresAt: NOON + 7 * MS_PER_DAY + 1 });
    await makeKey(store, 'over', { expiresAt: NOON + 1 });
    await makeKey(store, 'off', { expiresAt: NOON + 5 });
    await disableKeys(store, { references: [words('off')], reason: null, only: false }, ACTOR);
    await makeKey(store, 'forever');
    clock.now = NOON + 1;
    const status = await describeStatus(store);
    expect(status.keys).toEqual({ active: 3, disabled: 1, expired: 1, deleted: 0 });
    clock.now = NOON;
    expect(statusJson({ ...(await describeStatus(store)), now: NOON })).toMatchObject({
      expiring: {
        count: 2,
        keys: [{ name: 'over' }, { id: ending.key.id, name: 'soon', account: 'default', expiresAt: '2026-11-29T12:00:00.000Z' }],
      },
    });
  });
});
