import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { createTier } from '../../src/operations/create-tier.ts';
import { deleteTier } from '../../src/operations/delete-tier.ts';
import { describeTiers, tierJson } from '../../src/operations/describe-tiers.ts';
import { editTier } from '../../src/operations/edit-tier.ts';
import { findTier } from '../../src/operations/find-tier.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, charge, failureOf, memoryStore, trail, viewAccount } from './account-fixture.ts';

let store: Store;
let clock: TestClock;

beforeEach(async () => {
  ({ store, clock } = await memoryStore('2026-11-22T12:00:00.000Z'));
});

const tiers = async () => (await store.read(async (tx, now) => describeTiers(tx, await tx.tiers.all(), now))).map(tierJson);
const set = (account: string, tier: string, timing: 'now' | 'at-reset' = 'now') => setTier(store, { account, tier, timing }, ACTOR);

test('the built-in tiers come by their credits, with how many accounts have them today', async () => {
  await addAccount(store, 'acme', 'standard');
  expect(await tiers()).toEqual(
    (
      [
        ['free', 100_000, 5, 1],
        ['standard', 300_000, 10, 1],
        ['startup', 1_000_000, 20, 0],
        ['advanced', 3_000_000, 30, 0],
        ['professional', 10_000_000, 40, 0],
      ] as const
    ).map(([name, dailyCredits, rate, accounts]) => ({
      name,
      dailyCredits,
      limits: [{ service: '*', requestsPerSecond: rate, burst: rate }],
      accounts,
      pendingDailyCredits: null,
    })),
  );
});

test('today’s credits order them, not those that wait', async () => {
  await editTier(store, { name: 'free', dailyCredits: 20_000_000, limits: [], now: false }, ACTOR);
  expect((await tiers())[0]).toMatchObject({ name: 'free', pendingDailyCredits: { dailyCredits: 20_000_000, from: '2026-11-23' } });
});

describe('a new tier', () => {
  test('has the limits that were named, and none without a rate', async () => {
    const bare = await createTier(store, { name: 'bare', dailyCredits: 0, limits: [] }, ACTOR);
    expect(bare).toEqual({ name: 'bare', dailyCredits: 0, pendingDailyCredits: null, limits: [], accounts: 0 });
    const limits = [
      { service: 'default', rate: 7, burst: 7 },
      { service: '*', rate: 10, burst: null },
    ];
    expect((await createTier(store, { name: 'rich', dailyCredits: 5, limits }, ACTOR)).limits).toEqual([
      { service: '*', requestsPerSecond: 10, burst: 10 },
      { service: 'default', requestsPerSecond: 7, burst: 7 },
    ]);
    expect((await trail(store)).at(-1)).toMatchObject({
      action: 'tier.create',
      targetName: 'rich',
      before: null,
      after: { dailyCredits: 5 },
    });
  });

  test('cannot take a name that is taken, nor limit a service that is not there', async () => {
    expect(await failureOf(createTier(store, { name: 'free', dailyCredits: 1, limits: [] }, ACTOR))).toBe('already_exists');
    const limits = [{ service: 'nowhere', rate: 1, burst: 1 }];
    expect(await failureOf(createTier(store, { name: 'gold', dailyCredits: 1, limits }, ACTOR))).toBe('not_found');
    expect(await failureOf(store.read((tx) => findTier(tx, 'gold')))).toBe('not_found');
  });
});

describe('deleting a tier', () => {
  test('is refused while an account has it or waits for it', async () => {
    expect(await failureOf(deleteTier(store, 'free', ACTOR))).toBe('conflict');
    await set('default', 'startup', 'at-reset');
    expect(await failureOf(deleteTier(store, 'startup', ACTOR))).toBe('conflict');
    await set('default', 'free');
    await deleteTier(store, 'startup', ACTOR);
    expect((await tiers()).map(({ name }) => name)).not.toContain('startup');
  });

  test('is possible as soon as nobody has it, although somebody had it before', async () => {
    await set('default', 'standard');
    await deleteTier(store, 'free', ACTOR);
    expect(await failureOf(store.read((tx) => findTier(tx, 'free')))).toBe('not_found');
    expect(await failureOf(set('default', 'free'))).toBe('not_found');
    expect(await failureOf(deleteTier(store, 'free', ACTOR))).toBe('not_found');
    expect((await trail(store)).at(-1)).toMatchObject({
      action: 'tier.delete',
      targetName: 'free',
      before: { dailyCredits: 100_000 },
      after: null,
    });
  });

  test('leaves the days alone on which accounts had it', async () => {
    clock.now += MS_PER_DAY;
    await set('default', 'standard');
    await deleteTier(store, 'free', ACTOR);
    clock.now -= MS_PER_DAY;
    const [verdict] = await charge(store, 'default', 1);
    expect(verdict).toMatchObject({ valid: true, tier: 'free', credits: { remaining: 99_900 } });
    expect(await viewAccount(store, 'default')).toMatchObject({ tier: 'free', credits: { granted: 100_000, spent: 100 } });
  });

  test('frees its name for another tier, whose credits and limits are its own', async () => {
    await editTier(store, { name: 'startup', dailyCredits: 77, limits: [{ service: 'default', rate: 1, burst: 1 }], now: false }, ACTOR);
    await deleteTier(store, 'startup', ACTOR);
    const again = await createTier(store, { name: 'startup', dailyCredits: 500, limits: [] }, ACTOR);
    expect(again).toEqual({ name: 'startup', dailyCredits: 500, pendingDailyCredits: null, limits: [], accounts: 0 });
    clock.now += MS_PER_DAY;
    expect((await tiers()).find(({ name }) => name === 'startup')).toMatchObject({ dailyCredits: 500 });
  });

  test('of the one on which accounts start makes the next account name its tier', async () => {
    await set('default', 'standard');
    await deleteTier(store, 'free', ACTOR);
    expect(await failureOf(addAccount(store, 'acme'))).toBe('usage');
    expect(await addAccount(store, 'acme', 'startup')).toMatchObject({ tier: 'startup' });
  });
});
