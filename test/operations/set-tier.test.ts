import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { dayOf, parseDay } from '../../src/domain/utc-day.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { touchedJson } from '../../src/operations/regrant-books.ts';
import { previewSetTier, setTier, type TierTiming } from '../../src/operations/set-tier.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, charge, failureOf, jsonOf, memoryStore, trail, viewAccount } from './account-fixture.ts';

const TOMORROW = '2026-11-23';

let store: Store;
let clock: TestClock;

beforeEach(async () => {
  ({ store, clock } = await memoryStore('2026-11-22T12:00:00.000Z'));
  await addAccount(store, 'acme');
});

const give = (tier: string, timing: TierTiming = 'by-credits') => setTier(store, { account: 'acme', tier, timing }, ACTOR);
const preview = (tier: string, timing: TierTiming = 'by-credits') => previewSetTier(store, { account: 'acme', tier, timing });
const credits = async () => (await viewAccount(store, 'acme')).credits;

describe('an upgrade', () => {
  test('gives the difference at once, and keeps what is spent', async () => {
    await charge(store, 'acme', 5);
    const { account, previous, change } = await give('standard');
    expect({ previous, change }).toEqual({ previous: 'free', change: { kind: 'set', from: dayOf(clock.now), dropped: null } });
    expect(account).toMatchObject({ tier: 'standard', pendingTier: null, credits: { granted: 300_000, spent: 500 } });
    expect(await jsonOf(store, 'acme')).toMatchObject({
      tier: 'standard',
      pendingTier: null,
      credits: { day: '2026-11-22', granted: 300_000, adjusted: 0, spent: 500, remaining: 299_500, resetsAt: '2026-11-23T00:00:00.000Z' },
    });
  });

  test('of an account that spent nothing yet holds for its first request', async () => {
    await give('standard');
    const [verdict] = await charge(store, 'acme', 1);
    expect(verdict).toMatchObject({ valid: true, tier: 'standard', credits: { limit: 300_000, remaining: 299_900 } });
  });

  test('of an idle account keeps what an operator gave it for today', async () => {
    await giveCredit(store, { account: 'acme', amount: -40_000, day: undefined, reason: 'a test' }, ACTOR, randomBytes);
    await give('standard');
    expect(await credits()).toMatchObject({ granted: 300_000, adjusted: -40_000, spent: 0 });
  });

  test('admits a request at once that the spent allowance refused', async () => {
    await charge(store, 'acme', 1, 100_000);
    const [refused] = await charge(store, 'acme', 1);
    await give('standard');
    const [admitted] = await charge(store, 'acme', 1);
    expect([refused?.code, admitted?.code]).toEqual(['insufficient_credits', 'ok']);
  });

  test('waits for 00:00 UTC where the operator says so', async () => {
    const { account } = await give('standard', 'at-reset');
    expect(account).toMatchObject({
      tier: 'free',
      pendingTier: { tier: 'standard', from: parseDay(TOMORROW) },
      credits: { granted: 100_000 },
    });
    clock.now = Date.parse('2026-11-22T23:59:59.999Z');
    expect(await viewAccount(store, 'acme')).toMatchObject({ tier: 'free', credits: { granted: 100_000 } });
    clock.now = Date.parse('2026-11-23T00:00:00.000Z');
    expect(await viewAccount(store, 'acme')).toMatchObject({ tier: 'standard', pendingTier: null, credits: { granted: 300_000 } });
  });

  test('in the last millisecond of a day holds for that day, and goes on', async () => {
    clock.now = Date.parse('2026-11-22T23:59:59.999Z');
    await charge(store, 'acme', 1);
    await give('standard');
    expect(await credits()).toMatchObject({ day: parseDay('2026-11-22'), granted: 300_000, spent: 100 });
    clock.now += 1;
    expect(await credits()).toEqual({ day: parseDay(TOMORROW), granted: 300_000, adjusted: 0, spent: 0 });
  });

  test('to a tier of as many credits holds at once', async () => {
    const { change } = await setTier(store, { account: 'default', tier: 'free', timing: 'by-credits' }, ACTOR);
    expect(change).toEqual({ kind: 'none', waiting: null });
    await store.write(async (tx, now) => {
      await tx.tiers.insert('free-too', 100_000, dayOf(now));
    });
    expect((await give('free-too')).account).toMatchObject({ tier: 'free-too', pendingTier: null });
  });
});

describe('a downgrade', () => {
  beforeEach(async () => {
    await give('standard');
    await charge(store, 'acme', 1, 250_000);
  });

  test('waits for midnight: the rest of the day stays what was granted', async () => {
    const { account } = await give('free');
    expect(account).toMatchObject({ tier: 'standard', pendingTier: { tier: 'free', from: parseDay(TOMORROW) } });
    expect((await jsonOf(store, 'acme'))['pendingTier']).toEqual({ tier: 'free', from: TOMORROW });
    expect(await credits()).toMatchObject({ granted: 300_000, spent: 250_000 });
    clock.now = Date.parse(`${TOMORROW}T00:00:00.000Z`);
    expect(await viewAccount(store, 'acme')).toMatchObject({ tier: 'free', credits: { granted: 100_000, spent: 0 } });
  });

  test('after an upgrade on the same day leaves the history of that day as it was granted', async () => {
    await give('free');
    const { tiers } = (await store.read((tx) => tx.accounts.byName('acme'))) ?? { tiers: [] };
    expect(tiers).toEqual([
      { from: 0, tier: 'free' },
      { from: dayOf(clock.now), tier: 'standard' },
      { from: dayOf(clock.now) + 1, tier: 'free' },
    ]);
  });

  test('at once never goes below what is spent', async () => {
    const { account } = await give('free', 'now');
    expect(account).toMatchObject({ tier: 'free', credits: { granted: 250_000, spent: 250_000 } });
    expect((await charge(store, 'acme', 1))[0]?.code).toBe('insufficient_credits');
  });

  test('at once grants exactly the new allowance where less is spent', async () => {
    await addAccount(store, 'globex', 'standard');
    await charge(store, 'globex', 3);
    const { account } = await setTier(store, { account: 'globex', tier: 'free', timing: 'now' }, ACTOR);
    expect(account.credits).toMatchObject({ granted: 100_000, spent: 300 });
  });

  test('twice is done once', async () => {
    await give('free');
    const { change } = await give('free');
    expect(change).toEqual({ kind: 'none', waiting: { tier: 'free', from: parseDay(TOMORROW) } });
    expect((await trail(store)).filter(({ action }) => action === 'tier.set')).toHaveLength(2);
  });

  test('is cancelled by setting the tier that the account has', async () => {
    await give('free');
    const { account, change } = await give('standard');
    expect(change).toEqual({ kind: 'cancelled', dropped: { tier: 'free', from: parseDay(TOMORROW) } });
    expect(account.pendingTier).toBeNull();
    clock.now = Date.parse(`${TOMORROW}T00:00:00.000Z`);
    expect(await viewAccount(store, 'acme')).toMatchObject({ tier: 'standard', credits: { granted: 300_000 } });
    expect((await give('standard')).change).toEqual({ kind: 'none', waiting: null });
  });

  test('that waits is dropped by an upgrade at once, and replaced by another downgrade', async () => {
    await give('free');
    expect((await give('startup')).change).toMatchObject({ kind: 'set', from: dayOf(clock.now), dropped: { tier: 'free' } });
    expect((await viewAccount(store, 'acme')).pendingTier).toBeNull();
    await give('free');
    expect((await give('standard')).change).toMatchObject({ kind: 'set', from: dayOf(clock.now) + 1, dropped: { tier: 'free' } });
    expect((await viewAccount(store, 'acme')).pendingTier).toMatchObject({ tier: 'standard' });
  });
});

test('an upgrade that waits comes at once when the operator says so, and nothing waits any more', async () => {
  await give('standard', 'at-reset');
  expect(await give('standard', 'now')).toMatchObject({
    account: { tier: 'standard', pendingTier: null, credits: { granted: 300_000 } },
    change: { kind: 'set', from: dayOf(clock.now), dropped: null },
  });
});

describe('after a clock ran ahead and came back', () => {
  test('the books that it opened on a later day follow the change of tier', async () => {
    clock.now = Date.parse('2026-11-25T12:00:00.000Z');
    await charge(store, 'acme', 2);
    clock.now = Date.parse('2026-11-22T12:00:00.000Z');
    await charge(store, 'acme', 1);
    await give('standard');
    expect(await credits()).toMatchObject({ granted: 300_000, spent: 100 });
    clock.now = Date.parse('2026-11-25T12:00:00.000Z');
    expect(await credits()).toEqual({ day: parseDay('2026-11-25'), granted: 300_000, adjusted: 0, spent: 200 });
  });

  test('a change that waits reaches the day that was opened already', async () => {
    clock.now = Date.parse('2026-11-23T00:00:01.000Z');
    await charge(store, 'acme', 1, 60_000);
    clock.now = Date.parse('2026-11-22T23:59:59.000Z');
    await give('standard', 'at-reset');
    expect(await credits()).toMatchObject({ granted: 100_000, spent: 0 });
    clock.now = Date.parse('2026-11-23T00:00:02.000Z');
    expect(await credits()).toMatchObject({ granted: 300_000, spent: 60_000 });
  });
});

describe('a dry run', () => {
  test('shows what is used and what remains, and changes nothing', async () => {
    await charge(store, 'acme', 5);
    const { tier, touched } = await preview('standard');
    expect(tier).toBe('standard');
    expect(touched === null ? null : touchedJson(touched)).toEqual({
      account: 'acme',
      used: 500,
      oldRemaining: 99_500,
      newRemaining: 299_500,
      from: '2026-11-22',
    });
    expect(await viewAccount(store, 'acme')).toMatchObject({ tier: 'free', credits: { granted: 100_000 } });
    expect((await trail(store)).map(({ action }) => action)).toEqual(['account.create']);
  });

  test('of a downgrade compares the day on which it would begin', async () => {
    await give('standard');
    await charge(store, 'acme', 1, 250_000);
    expect((await preview('free')).touched).toEqual({
      account: 'acme',
      used: 250_000,
      oldRemaining: 300_000,
      newRemaining: 100_000,
      from: dayOf(clock.now) + 1,
    });
    expect((await preview('free', 'now')).touched).toMatchObject({ used: 250_000, oldRemaining: 50_000, newRemaining: 0 });
  });

  test('counts what was given for the day on which it would begin', async () => {
    await giveCredit(store, { account: 'acme', amount: 7_000, day: parseDay(TOMORROW) ?? 0, reason: 'a test' }, ACTOR, randomBytes);
    expect((await preview('standard', 'at-reset')).touched).toMatchObject({ oldRemaining: 107_000, newRemaining: 307_000 });
  });

  test('says the same as doing it, for today and for tomorrow', async () => {
    await charge(store, 'acme', 1, 90_000);
    for (const timing of ['by-credits', 'now', 'at-reset'] as const) {
      for (const tier of ['standard', 'free', 'startup', 'free']) {
        const { touched } = await preview(tier, timing);
        await give(tier, timing);
        if (touched === null) continue;
        const at = clock.now;
        if (touched.from > dayOf(at)) clock.now = Date.parse(`${TOMORROW}T00:00:00.000Z`);
        expect((await jsonOf(store, 'acme'))['credits']).toMatchObject({ remaining: touched.newRemaining });
        clock.now = at;
      }
    }
  });

  test('of the tier that it has touches nobody, unless a change waits', async () => {
    expect(await preview('free')).toEqual({ tier: 'free', change: { kind: 'none', waiting: null }, touched: null });
    await give('standard', 'at-reset');
    expect((await preview('free')).touched).toMatchObject({ oldRemaining: 300_000, newRemaining: 100_000, from: parseDay(TOMORROW) });
    expect((await preview('standard', 'at-reset')).touched).toBeNull();
  });
});

describe('the trail and the failures', () => {
  test('every change is written down with what was before and after', async () => {
    await give('standard');
    expect((await trail(store)).at(-1)).toEqual({
      action: 'tier.set',
      targetKind: 'account',
      targetName: 'acme',
      before: { name: 'acme', externalId: null, tier: 'free', pendingTier: null, status: 'active', granted: 100_000 },
      after: {
        name: 'acme',
        externalId: null,
        tier: 'standard',
        pendingTier: null,
        status: 'active',
        granted: 300_000,
        from: '2026-11-22',
      },
    });
  });

  test('an unknown tier or account is not found, and with several accounts one has to be named', async () => {
    expect(await failureOf(give('platinum'))).toBe('not_found');
    expect(await failureOf(setTier(store, { account: 'nobody', tier: 'free', timing: 'now' }, ACTOR))).toBe('not_found');
    expect(await failureOf(setTier(store, { account: undefined, tier: 'standard', timing: 'now' }, ACTOR))).toBe('usage');
  });

  test('while default is the only account it may be left out', async () => {
    const alone = await memoryStore('2026-11-22T12:00:00.000Z');
    const { account } = await setTier(alone.store, { account: undefined, tier: 'standard', timing: 'by-credits' }, ACTOR);
    expect(account).toMatchObject({ name: 'default', tier: 'standard' });
  });
});
