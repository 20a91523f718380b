import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { parseDay } from '../../src/domain/utc-day.ts';
import type { LimitEdit } from '../../src/operations/apply-limits.ts';
import { editTier, type EditTier } from '../../src/operations/edit-tier.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { previewTierEdit } from '../../src/operations/preview-tier-edit.ts';
import type { Touched } from '../../src/operations/regrant-books.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, charge, chargeEach, failureOf, memoryStore, trail, viewAccount } from './account-fixture.ts';

const MIDNIGHT = Date.parse('2026-11-23T00:00:00.000Z');
const TOMORROW = parseDay('2026-11-23') ?? 0;

let store: Store;
let clock: TestClock;

beforeEach(async () => {
  ({ store, clock } = await memoryStore('2026-11-22T12:00:00.000Z'));
  await addAccount(store, 'acme', 'standard');
  await addAccount(store, 'globex', 'standard');
  await addAccount(store, 'initech', 'free');
});

const wanted = (changed: Partial<EditTier>): EditTier => ({
  name: 'standard',
  dailyCredits: undefined,
  limits: [],
  now: false,
  ...changed,
});
const edit = (changed: Partial<EditTier>) => editTier(store, wanted(changed), ACTOR);
const granted = async (name: string) => (await viewAccount(store, name)).credits.granted;

async function preview(changed: Partial<EditTier>): Promise<{ from: number | null; accounts: Touched[] }> {
  const { from, accounts } = await previewTierEdit(store, wanted(changed));
  const all: Touched[] = [];
  for await (const account of accounts) all.push(account);
  return { from, accounts: all };
}

describe('daily credits', () => {
  test('hold for everybody from the next 00:00 UTC', async () => {
    await charge(store, 'acme', 1);
    const { tier } = await edit({ dailyCredits: 400_000 });
    expect(tier).toMatchObject({ dailyCredits: 300_000, pendingDailyCredits: { credits: 400_000, from: TOMORROW }, accounts: 2 });
    clock.now = MIDNIGHT - 1;
    expect([await granted('acme'), await granted('globex')]).toEqual([300_000, 300_000]);
    clock.now = MIDNIGHT;
    expect([await granted('acme'), await granted('globex'), await granted('initech')]).toEqual([400_000, 400_000, 100_000]);
  });

  test('hold at once with --now, for opened and idle balances, and for nobody else', async () => {
    await charge(store, 'acme', 1);
    await charge(store, 'initech', 1);
    await edit({ dailyCredits: 400_000, now: true });
    expect([await granted('acme'), await granted('globex'), await granted('initech')]).toEqual([400_000, 400_000, 100_000]);
    expect((await viewAccount(store, 'acme')).credits).toMatchObject({ spent: 100 });
    expect((await trail(store)).at(-1)).toMatchObject({ action: 'tier.edit', targetName: 'standard', after: { booksGranted: 1 } });
  });

  test('at once never go below what is spent, whatever was given or taken', async () => {
    await charge(store, 'acme', 1, 200_000);
    await giveCredit(store, { account: 'acme', amount: 50_000, day: undefined, reason: 'a test' }, ACTOR, randomBytes);
    await giveCredit(store, { account: 'globex', amount: -20_000, day: undefined, reason: 'a test' }, ACTOR, randomBytes);
    await edit({ dailyCredits: 10_000, now: true });
    expect((await viewAccount(store, 'acme')).credits).toMatchObject({ granted: 150_000, adjusted: 50_000, spent: 200_000 });
    expect((await viewAccount(store, 'globex')).credits).toMatchObject({ granted: 20_000, adjusted: -20_000, spent: 0 });
  });

  test('at once reach more balances than one page holds', async () => {
    const names = Array.from({ length: 603 }, (_, index) => `customer-${String(index)}`);
    const refs = await store.write(async (tx, now) => {
      const made: number[] = [];
      for (const name of names) {
        const account = { id: `acct_${name}`, name, externalId: null, createdAt: now, suspendedAt: null };
        made.push((await tx.accounts.insert(account, 'startup')).ref);
      }
      return made;
    });
    await chargeEach(store, refs, 7);
    await edit({ name: 'startup', dailyCredits: 2_000_000, now: true });
    expect((await trail(store)).at(-1)).toMatchObject({ after: { booksGranted: 603 } });
    expect(await granted('customer-602')).toBe(2_000_000);
    const { accounts } = await preview({ name: 'startup', dailyCredits: 1_000, now: true });
    expect(accounts.map(({ account }) => account)).toEqual(names);
  });

  test('at once reach books that a clock ahead has opened', async () => {
    clock.now = MIDNIGHT + 5 * 86_400_000;
    await charge(store, 'acme', 2);
    clock.now = MIDNIGHT - 1_000;
    await edit({ dailyCredits: 400_000 });
    expect(await granted('acme')).toBe(300_000);
    clock.now = MIDNIGHT + 5 * 86_400_000;
    expect((await viewAccount(store, 'acme')).credits).toMatchObject({ granted: 400_000, spent: 200 });
  });

  test('that wait are replaced by a later edit, and cancelled by naming today’s', async () => {
    await edit({ dailyCredits: 400_000 });
    expect(await edit({ dailyCredits: 500_000 })).toMatchObject({
      cancelled: { credits: 400_000 },
      tier: { pendingDailyCredits: { credits: 500_000 } },
    });
    expect(await edit({ dailyCredits: 300_000 })).toMatchObject({ cancelled: { credits: 500_000 }, tier: { pendingDailyCredits: null } });
    expect(await edit({ dailyCredits: 300_000 })).toMatchObject({ changed: false, cancelled: null });
    clock.now = MIDNIGHT;
    expect(await granted('acme')).toBe(300_000);
  });

  test('that wait are not lost to an edit that holds at once, nor to one of the limits', async () => {
    await edit({ dailyCredits: 400_000 });
    const rate: LimitEdit = { service: '*', rate: 50, burst: null };
    await edit({ limits: [rate] });
    expect(await edit({ dailyCredits: 350_000, now: true })).toMatchObject({
      cancelled: null,
      tier: { dailyCredits: 350_000, pendingDailyCredits: { credits: 400_000, from: TOMORROW } },
    });
    expect(await granted('acme')).toBe(350_000);
    clock.now = MIDNIGHT;
    expect(await granted('acme')).toBe(400_000);
  });

  test('of today keep their history when they change again', async () => {
    await edit({ dailyCredits: 400_000, now: true });
    await edit({ dailyCredits: 500_000, now: true });
    const tier = await store.read((tx) => tx.tiers.byName('standard'));
    expect(tier?.credits).toEqual([
      { from: 0, credits: 300_000 },
      { from: TOMORROW - 1, credits: 500_000 },
    ]);
  });

  test('reach an account that is on its way to the tier when it arrives', async () => {
    await setTier(store, { account: 'initech', tier: 'standard', timing: 'at-reset' }, ACTOR);
    await setTier(store, { account: 'globex', tier: 'free', timing: 'by-credits' }, ACTOR);
    await edit({ dailyCredits: 400_000, now: true });
    expect([await granted('globex'), await granted('initech')]).toEqual([400_000, 100_000]);
    clock.now = MIDNIGHT;
    expect([await granted('globex'), await granted('initech')]).toEqual([100_000, 400_000]);
  });
});

describe('limits', () => {
  const limits = async (...edits: LimitEdit[]) => (await edit({ limits: edits })).tier.limits;

  test('change at once, also beside credits that wait', async () => {
    const { tier, creditsFrom } = await edit({ dailyCredits: 400_000, limits: [{ service: '*', rate: 25, burst: null }] });
    expect(creditsFrom).toBe(TOMORROW);
    expect(tier.limits).toEqual([{ service: '*', requestsPerSecond: 25, burst: 25 }]);
  });

  test('burst is the rate until it is set, and then stays what was set', async () => {
    expect(await limits({ service: '*', rate: 20, burst: null })).toEqual([{ service: '*', requestsPerSecond: 20, burst: 20 }]);
    expect(await limits({ service: '*', rate: 'kept', burst: 60 })).toEqual([{ service: '*', requestsPerSecond: 20, burst: 60 }]);
    expect(await limits({ service: '*', rate: 30, burst: null })).toEqual([{ service: '*', requestsPerSecond: 30, burst: 60 }]);
    expect(await limits({ service: '*', rate: 30, burst: 5 })).toEqual([{ service: '*', requestsPerSecond: 30, burst: 5 }]);
  });

  test('of one service stand beside the default, and both can be taken away', async () => {
    expect(await limits({ service: 'default', rate: 3, burst: 9 })).toEqual([
      { service: '*', requestsPerSecond: 10, burst: 10 },
      { service: 'default', requestsPerSecond: 3, burst: 9 },
    ]);
    expect(await limits({ service: '*', rate: 'none', burst: null })).toEqual([{ service: 'default', requestsPerSecond: 3, burst: 9 }]);
    expect(await limits({ service: 'default', rate: 'none', burst: null })).toEqual([]);
  });

  test('need a service that exists, and a burst needs a rate', async () => {
    expect(await failureOf(limits({ service: 'nowhere', rate: 3, burst: null }))).toBe('not_found');
    await limits({ service: '*', rate: 'none', burst: null });
    expect(await failureOf(limits({ service: '*', rate: 'kept', burst: 3 }))).toBe('usage');
  });

  test('the same again change nothing and leave no trace', async () => {
    const before = (await trail(store)).length;
    expect(await edit({ limits: [{ service: '*', rate: 10, burst: 10 }] })).toMatchObject({ changed: false });
    expect(await trail(store)).toHaveLength(before);
  });
});

describe('a dry run', () => {
  test('shows every account on the day from which the edit holds', async () => {
    await charge(store, 'acme', 1, 250_000);
    expect(await preview({ dailyCredits: 200_000 })).toEqual({
      from: TOMORROW,
      accounts: [
        { account: 'acme', used: 250_000, oldRemaining: 300_000, newRemaining: 200_000, from: TOMORROW },
        { account: 'globex', used: 0, oldRemaining: 300_000, newRemaining: 200_000, from: TOMORROW },
      ],
    });
    expect(await preview({ dailyCredits: 200_000, now: true })).toEqual({
      from: TOMORROW - 1,
      accounts: [
        { account: 'acme', used: 250_000, oldRemaining: 50_000, newRemaining: 0, from: TOMORROW - 1 },
        { account: 'globex', used: 0, oldRemaining: 300_000, newRemaining: 200_000, from: TOMORROW - 1 },
      ],
    });
    expect(await granted('acme')).toBe(300_000);
  });

  test('shows those who come tomorrow from tomorrow on, and leaves out those who go', async () => {
    await setTier(store, { account: 'initech', tier: 'standard', timing: 'at-reset' }, ACTOR);
    await setTier(store, { account: 'globex', tier: 'free', timing: 'by-credits' }, ACTOR);
    const names = async (now: boolean) =>
      (await preview({ dailyCredits: 1_000, now })).accounts.map(({ account, from }) => [account, from]);
    expect(await names(true)).toEqual([
      ['acme', TOMORROW - 1],
      ['globex', TOMORROW - 1],
      ['initech', TOMORROW],
    ]);
    expect(await names(false)).toEqual([
      ['acme', TOMORROW],
      ['initech', TOMORROW],
    ]);
  });

  test('of new limits shows the accounts with what they keep', async () => {
    await charge(store, 'acme', 1);
    const { from, accounts } = await preview({ limits: [{ service: '*', rate: 1, burst: null }] });
    expect(from).toBe(TOMORROW - 1);
    expect(accounts).toEqual([
      { account: 'acme', used: 100, oldRemaining: 299_900, newRemaining: 299_900, from },
      { account: 'globex', used: 0, oldRemaining: 300_000, newRemaining: 300_000, from },
    ]);
  });

  test('of an edit that changes nothing touches nobody', async () => {
    expect(await preview({ dailyCredits: 300_000 })).toEqual({ from: null, accounts: [] });
  });
});

test('an edit of nothing, or of no tier, is refused', async () => {
  expect(await failureOf(edit({}))).toBe('usage');
  expect(await failureOf(edit({ name: 'platinum', dailyCredits: 1 }))).toBe('not_found');
});
