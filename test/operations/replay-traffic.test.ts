import { describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/domain/store.ts';
import { dayOf, formatInstant, MS_PER_DAY, MS_PER_HOUR, startOfDay } from '../../src/domain/utc-day.ts';
import { presentedKey } from '../../src/domain/presented-key.ts';
import { changeSetting } from '../../src/operations/change-setting.ts';
import { createService } from '../../src/operations/create-service.ts';
import { replayJson } from '../../src/operations/describe-replay.ts';
import { keyForms } from '../../src/operations/key-forms.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { replayTraffic, type ReplayReport, type ReplayTraffic } from '../../src/operations/replay-traffic.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, charge, failureOf, memoryStore } from './account-fixture.ts';
import { makeKey } from './key-fixture.ts';
import { runReset } from './reset-fixture.ts';

const FIRST = startOfDay(20_770);

function replay(store: Store, wanted: Partial<ReplayTraffic> = {}): Promise<ReplayReport> {
  return replayTraffic(store, { account: undefined, since: FIRST, tiers: [], hypothetical: null, ...wanted }, () => undefined);
}

function fits({ plans }: ReplayReport): readonly string[] {
  return plans.filter((plan) => plan.fits).map(({ plan }) => plan.name);
}

function outcome(report: ReplayReport, name: string) {
  return report.plans.find(({ plan }) => plan.name === name);
}

/** Requests over HTTP, with a key: they count towards the rate. Denials are counted as `serve` does. */
async function ask(store: Store, clock: TestClock, apiKey: string, account: string, times: readonly number[]): Promise<number> {
  const subject = await store.read(async (tx) => presentedKey(apiKey, await keyForms(tx)));
  let admitted = 0;
  for (const at of times) {
    clock.now = at;
    const blank = {
      environment: null,
      cost: null,
      ip: null,
      requestId: null,
      requestIdRule: 'json',
      dryRun: false,
      fromShell: false,
    } as const;
    const [verdict] = await store.settle([{ subject, service: 'default', ...blank }]);
    if (verdict === undefined || verdict.code === 'ok') admitted += 1;
    else {
      const denial = { at, keyId: verdict.keyId, account, service: 'default', code: verdict.code, ip: null, requestId: null, count: 1 };
      await store.write((tx) => tx.usage.addDenials([denial]));
    }
  }
  return admitted;
}

describe('replayed traffic', () => {
  test('admits on the same tier what was admitted, denies what was denied, and names the cheapest that fits', async () => {
    const { store, clock } = await memoryStore(formatInstant(FIRST));
    const { apiKey } = await makeKey(store, 'prod');
    // 5 requests a second and 5 at once on free; the burst of 8 is 3 too many.
    const burst = Array.from({ length: 8 }, () => FIRST + MS_PER_HOUR);
    const steady = Array.from({ length: 40 }, (_, index) => FIRST + 2 * MS_PER_HOUR + index * 250);
    expect(await ask(store, clock, apiKey, 'default', [...burst, ...steady])).toBe(45);
    clock.now = FIRST + 3 * MS_PER_HOUR;
    const report = await replay(store);
    expect(report).toMatchObject({
      requests: 48,
      deniedThen: { request_limit_reached: 3 },
      cheapest: 'standard',
      clipped: false,
      spreadUntil: null,
    });
    expect(outcome(report, 'free')).toMatchObject({ denied: { request_limit_reached: 3 }, accountsDenied: 1, exhaustedAt: null });
    expect(fits(report)).toEqual(['standard', 'startup', 'advanced', 'professional']);
    expect(report.accounts).toEqual([{ account: 'default', tier: 'free', requests: 48, busiestDay: 4_800, cheapest: 'standard' }]);
  });

  test('tells when the credits would have been gone, and what was asked for beyond them', async () => {
    const { store, clock } = await memoryStore(formatInstant(FIRST));
    await addAccount(store, 'acme', 'standard');
    for (const day of [0, 1, 2]) {
      clock.now = FIRST + day * MS_PER_DAY + 9 * MS_PER_HOUR;
      await charge(store, 'acme', 600);
      clock.now += MS_PER_HOUR;
      await charge(store, 'acme', day === 1 ? 700 : 100);
    }
    const report = await replay(store, {
      account: 'acme',
      tiers: ['startup', 'free'],
      hypothetical: { dailyCredits: 130_000, rate: undefined },
    });
    expect(report.plans.map(({ plan, denied }) => [plan.name, denied])).toEqual([
      ['free', { insufficient_credits: 300 }],
      ['hypothetical', {}],
      ['startup', {}],
    ]);
    expect(outcome(report, 'free')?.days.map(({ day, exhaustedAt }) => [day - dayOf(FIRST), exhaustedAt])).toEqual([
      [0, null],
      [1, FIRST + MS_PER_DAY + 10 * MS_PER_HOUR],
      [2, null],
    ]);
    expect(report).toMatchObject({ account: 'acme', cheapest: 'hypothetical', accounts: [{ busiestDay: 130_000 }] });
  });

  test('what is not said of hypothetical numbers is that of each account’s own tier', async () => {
    const { store, clock } = await memoryStore(formatInstant(FIRST));
    await addAccount(store, 'acme', 'standard');
    clock.now = FIRST + MS_PER_HOUR;
    await charge(store, 'default', 1_000);
    await charge(store, 'acme', 3_000);
    const [own] = (await replay(store, { hypothetical: { dailyCredits: undefined, rate: 1 } })).plans;
    expect(own).toMatchObject({ fits: true, plan: { dailyCredits: null, limits: [{ service: '*', requestsPerSecond: 1, burst: 1 }] } });
    const [less] = (await replay(store, { hypothetical: { dailyCredits: 100_000, rate: null } })).plans;
    expect(less).toMatchObject({ denied: { insufficient_credits: 2_000 }, accountsDenied: 1, plan: { limits: [] } });
  });

  test('a refunded debit costs nothing, a deleted service keeps its price, and other denials are no demand', async () => {
    const { store, clock } = await memoryStore(formatInstant(FIRST + MS_PER_HOUR));
    await createService(store, { name: 'dear', cost: 90_000, environment: null }, ACTOR);
    await addAccount(store, 'acme', 'standard');
    await charge(store, 'acme', 1, 90_000);
    await charge(store, 'acme', 1, 20_000);
    const [last] = await store.read((tx) => tx.debits.page({}, null, 1));
    await store.write((tx, now) =>
      tx.usage.addDenials([
        { at: now, keyId: null, account: 'acme', service: 'default', code: 'api_key_disabled', ip: null, requestId: null, count: 9 },
        { at: now, keyId: null, account: 'acme', service: 'dear', code: 'insufficient_credits', ip: null, requestId: null, count: 2 },
      ]),
    );
    expect(outcome(await replay(store), 'free')).toMatchObject({ denied: { insufficient_credits: 3 } });
    if (last === undefined) throw new Error('there is a debit');
    await refundDebit(store, last.number, { kind: 'shell', actor: ACTOR, reason: 'a test' });
    clock.now += 1;
    const report = await replay(store);
    expect(outcome(report, 'free')).toMatchObject({ denied: { insufficient_credits: 2 } });
    expect(report).toMatchObject({ requests: 4, deniedThen: { insufficient_credits: 2 }, accounts: [{ busiestDay: 270_000 }] });
  });

  test('where debits are gone the hours are spread evenly, and it says so; where hours are gone it begins later', async () => {
    const { store, clock } = await memoryStore(formatInstant(FIRST));
    for (const name of ['keep-debits', 'keep-hourly-usage']) {
      await changeSetting(store, { name, value: name === 'keep-debits' ? '48h' : '120h' }, ACTOR);
    }
    for (let day = 0; day < 10; day += 1) {
      clock.now = FIRST + day * MS_PER_DAY + 9 * MS_PER_HOUR;
      await charge(store, 'default', 900);
      await runReset(store);
    }
    const now = clock.now;
    const report = await replay(store, { hypothetical: { dailyCredits: 60_000, rate: undefined } });
    const kept = dayOf(FIRST) + 5;
    expect(report).toMatchObject({ clipped: true, from: startOfDay(kept), spreadUntil: startOfDay(dayOf(now) - 2), requests: 4_500 });
    const days = report.plans[0]?.days ?? [];
    expect(days.map(({ day, requests, denied }) => [day, requests, denied])).toEqual(
      Array.from({ length: 5 }, (_, index) => [kept + index, 900, { insufficient_credits: 300 }]),
    );
    // 600 of 900 requests fit: forty minutes of an hour that is spread evenly, and the very instant of one whose debits are there.
    expect(days.map(({ exhaustedAt }) => ((exhaustedAt ?? 0) % MS_PER_DAY) - 9 * MS_PER_HOUR)).toEqual([2_430_000, 2_430_000, 0, 0, 0]);
    expect(replayJson(report)['unknown']).toMatchObject([{ code: 'bursts' }, { code: 'before' }, { code: 'today' }]);
  });

  test('more denials in an hour than one page holds are all there, in their order', async () => {
    const { store, clock } = await memoryStore(formatInstant(FIRST));
    const denied = Array.from({ length: 6_000 }, (_, index) => ({
      ...{ at: FIRST + index * 300, keyId: null, account: 'default', service: 'default', code: 'insufficient_credits' as const },
      ...{ ip: null, requestId: null, count: 1 + (index % 2) },
    }));
    await store.write((tx) => tx.usage.addDenials(denied.toReversed()));
    clock.now = FIRST + MS_PER_HOUR / 4;
    await charge(store, 'default', 1_000);
    clock.now = FIRST + MS_PER_HOUR;
    const report = await replay(store, { account: 'default', tiers: ['professional'] });
    expect(report).toMatchObject({ requests: 10_000, deniedThen: { insufficient_credits: 9_000 } });
    const small = await replay(store, { tiers: ['free'] });
    expect(outcome(small, 'free')?.exhaustedAt).toBe(FIRST + 667 * 300);
  });

  test('without traffic nothing is cheap, and what does not exist is not found', async () => {
    const { store } = await memoryStore(formatInstant(FIRST + 5));
    expect(await replay(store)).toMatchObject({ requests: 0, cheapest: null, accounts: [] });
    expect(await failureOf(replay(store, { account: 'nobody' }))).toBe('not_found');
    expect(await failureOf(replay(store, { tiers: ['free', 'nothing'] }))).toBe('not_found');
    expect(await failureOf(replay(store, { tiers: ['free', 'free'] }))).toBe('usage');
  });
});
