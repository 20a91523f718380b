import { expect } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import type { ReadTransaction, UsageBucket, UsageSum } from '../../src/domain/store.ts';
import { balanceOn } from '../../src/operations/balance-on.ts';
import { describeAccounts } from '../../src/operations/describe-accounts.ts';
import { describeKeys } from '../../src/operations/describe-keys.ts';
import { describeTiers } from '../../src/operations/describe-tiers.ts';
import { dayAt, holding, isLive, statusAt, sum, type Model, type ModelDebit } from './model.ts';
import type { World } from './world.ts';

const EVERYTHING = { after: 0, limit: 1_000 };
const FAR = 8e15;

/** Jest's own comparison tells more and takes ten times as long; it is left to tell what differs. */
export function same(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
}

const byName = <Named extends { readonly name: string }>(items: readonly Named[]): readonly Named[] =>
  [...items].sort((one, other) => (one.name < other.name ? -1 : 1));

/** What every reader sees now: accounts with their books of today, and keys with what they did. */
export async function compareStanding(world: World, connection: number): Promise<void> {
  const { model } = world;
  const found = await world.store(connection).read(async (tx, now) => ({
    accounts: await describeAccounts(tx, await tx.accounts.page({}, EVERYTHING), now),
    keys: await describeKeys(tx, await tx.keys.page({ now }, EVERYTHING), now),
  }));
  const accounts = found.accounts.map(({ name, tier, pendingTier, status, credits }) => ({ name, tier, pendingTier, status, credits }));
  same(accounts, accountsOf(model));
  // Fields are only ever added: the model says which it speaks of.
  const keys = keysOf(model, found.keys);
  const fields = Object.keys(keys[0] ?? {}) as (keyof (typeof found.keys)[number])[];
  same(
    found.keys.map((key) => Object.fromEntries(fields.map((field) => [field, key[field]]))),
    keys,
  );
}

async function compareCatalogue(model: Model, tx: ReadTransaction): Promise<void> {
  same(byName(await describeTiers(tx, await tx.tiers.all(), model.now)), byName(tiersOf(model)));
  const services = model.services.filter(({ deleted }) => !deleted);
  same(byName(await tx.catalogue.services()), byName(services.map(({ deleted: _, ...service }) => service)));
}

function accountsOf(model: Model): readonly unknown[] {
  return model.accounts.map((account) => {
    const pending = account.tiers.find(({ from }) => from > model.today);
    return {
      name: account.name,
      tier: model.tierOn(account, model.today).name,
      pendingTier: pending === undefined ? null : { from: pending.from, tier: pending.tier },
      status: account.suspended ? 'suspended' : 'active',
      credits: model.books(account, model.today),
    };
  });
}

/** A deleted key keeps the cap that it had then, which is nobody's any more. */
function keysOf(model: Model, found: readonly { readonly id: string; readonly dailyCap: number | null }[]): readonly object[] {
  return model.keys.map((key, place) => {
    const debits = model.debits.filter((debit) => debit.key === key);
    const today = debits.filter(({ at }) => dayAt(at) === model.today);
    const lastUsed = Math.max(0, ...debits.map(({ at }) => at));
    return {
      ...{ id: key.id, name: key.name, account: key.account.name, environment: key.environment, status: statusAt(key, model.now) },
      ...{ createdAt: key.createdAt, expiresAt: key.expiresAt, disabledAt: key.disabledAt, deletedAt: key.deletedAt },
      ...{ rotatedFrom: key.rotatedFrom?.id ?? null, rotatedTo: key.rotatedTo?.id ?? null },
      ...{ services: key.services, allowedIps: key.allowedIps },
      dailyCap: isLive(key) ? key.chain.cap : (found[place]?.dailyCap ?? null),
      lastUsedAt: lastUsed === 0 ? null : lastUsed,
      today: { requests: today.length, credits: creditsOf(today) },
    };
  });
}

function creditsOf(debits: readonly ModelDebit[]): number {
  return sum(debits.filter(({ refundedAt }) => refundedAt === null).map(({ cost }) => cost));
}

function tiersOf(model: Model): { readonly name: string }[] {
  const { today } = model;
  return model.tiers
    .filter(({ deleted }) => !deleted)
    .map(({ name, credits, limits }) => {
      const now = holding(credits, today).credits;
      const pending = credits.find((entry) => entry.from > today && entry.credits !== holding(credits, entry.from - 1).credits);
      return {
        name,
        dailyCredits: now,
        pendingDailyCredits: pending === undefined ? null : { from: pending.from, credits: pending.credits },
        limits: [...limits]
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([service, { perSecond, burst }]) => ({ service, requestsPerSecond: perSecond, burst })),
        accounts: model.accounts.filter((account) => dayAt(account.createdAt) <= today && model.tierOn(account, today).name === name)
          .length,
      };
    });
}

/** What was ever done: debits, adjustments, usage by everything that it is asked by, and the books and sums of every day. */
export async function compareHistory(world: World, connection: number): Promise<void> {
  const { model } = world;
  await world.store(connection).read(async (tx) => {
    await compareCatalogue(model, tx);
    await compareDebits(model, tx);
    const given = await tx.credits.adjustments(null, 1_000);
    expect(given.map(({ accountRef, day, amount }) => ({ accountRef, day, amount }))).toEqual(
      model.adjustments.map(({ account, day, amount }) => ({ accountRef: account.ref, day, amount })).reverse(),
    );
    await compareUsage(model, tx);
    await compareBooks(model, tx);
  });
}

async function compareDebits(model: Model, tx: ReadTransaction): Promise<void> {
  const expected = model.debits.map((debit) => ({
    ...{ number: debit.number, at: debit.at, account: debit.account.name, keyId: debit.key?.id ?? null, service: debit.service.name },
    ...{ cost: debit.cost, balanceAfter: debit.balanceAfter, requestId: debit.requestId, refundedAt: debit.refundedAt },
  }));
  const found = await tx.debits.page({}, null, 10_000);
  same(
    found.map(({ number, at, account, keyId, service, cost, balanceAfter, requestId, refundedAt }) => {
      return { number, at, account, keyId, service, cost, balanceAfter, requestId, refundedAt };
    }),
    expected.reverse(),
  );
  const { today } = model;
  const [since, until] = [today * 86_400_000, (today + 1) * 86_400_000];
  const ofToday = model.debits.filter(({ at }) => at >= since && at < until).map(({ number }) => number);
  same(
    (await tx.debits.since({ since, until }, 0, 10_000)).map(({ number }) => number),
    ofToday,
  );
}

async function compareUsage(model: Model, tx: ReadTransaction): Promise<void> {
  const refs = {
    account: new Map(model.accounts.map(({ name, ref }) => [name, ref])),
    key: new Map(model.keys.map(({ id, ref }) => [id, ref])),
  };
  const spent = model.debits.map(({ at, account, key, service, cost, refundedAt }) => ({
    ...{ hour: Math.floor(at / 3_600_000), day: dayAt(at), account: account.ref, key: key?.ref ?? 0, service: service.ref, code: 0 },
    ...{ credits: refundedAt === null ? cost : 0, denied: null as string | null },
  }));
  const denied = model.denials.map(({ at, account, keyId, service, code }) => ({
    ...{
      hour: Math.floor(at / 3_600_000),
      day: dayAt(at),
      account: refs.account.get(account ?? '') ?? 0,
      key: refs.key.get(keyId ?? '') ?? 0,
    },
    ...{ service: model.services.findLast(({ name }) => name === service)?.ref ?? 0, code: 0, credits: 0, denied: code },
  }));
  for (const by of ['hour', 'day', 'account', 'key', 'code'] as const satisfies readonly UsageBucket[]) {
    const expected = new Map<number, { requests: number; credits: number; denied: Record<string, number> }>();
    for (const one of [...spent, ...denied]) {
      const sums = expected.get(one[by]) ?? { requests: 0, credits: 0, denied: {} };
      if (one.denied === null) sums.requests += 1;
      else sums.denied[one.denied] = (sums.denied[one.denied] ?? 0) + 1;
      sums.credits += one.credits;
      expected.set(one[by], sums);
    }
    const wanted = [...expected].map(([bucket, sums]) => ({ bucket, ...sums })).sort((one, other) => one.bucket - other.bucket);
    for (const table of by === 'hour' ? (['hour'] as const) : (['hour', 'day'] as const)) {
      same(asked(await tx.usage.sums({ from: 0, to: FAR, table, by })), wanted);
    }
  }
}

function asked(sums: readonly UsageSum[]): readonly UsageSum[] {
  return sums.filter(({ requests, denied }) => requests > 0 || Object.keys(denied).length > 0);
}

/** The books of every day that anybody's have begun, of those around today, and the sums of the closed ones. */
async function compareBooks(model: Model, tx: ReadTransaction): Promise<void> {
  const begun = new Set(model.accounts.flatMap(({ opened }) => [...opened.keys()]));
  const { today } = model;
  for (const account of model.accounts) {
    const row = await tx.accounts.byRef(account.ref);
    if (row === null) throw new RangeError('an account that is gone');
    for (const day of new Set([...begun, today - 1, today, today + 1, today + 2])) {
      same({ name: account.name, ...(await balanceOn(tx, row, day)) }, { name: account.name, ...model.books(account, day) });
    }
  }
  expect(await tx.credits.closedThrough()).toBe(model.closedThrough);
  const sums = (await tx.credits.closedDays(0)).map(({ closedAt: _, ...rest }) => rest).filter(({ accounts }) => accounts > 0);
  const closed = [...begun].filter((day) => day <= model.closedThrough).sort((one, other) => one - other);
  expect(sums).toEqual(closed.map((day) => sumsOf(model, day)));
}

function sumsOf(model: Model, day: number) {
  const books = model.accounts.filter(({ opened }) => opened.has(day)).map((account) => model.books(account, day));
  return {
    ...{ day, accounts: books.length, granted: sum(books.map(({ granted }) => granted)) },
    ...{ adjusted: sum(books.map(({ adjusted }) => adjusted)), spent: sum(books.map(({ spent }) => spent)) },
  };
}
