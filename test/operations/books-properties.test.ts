import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDebitId } from '../../src/domain/debit.ts';
import type { Store } from '../../src/domain/store.ts';
import { dayOf, MS_PER_DAY, startOfDay } from '../../src/domain/utc-day.ts';
import { describeTiers } from '../../src/operations/describe-tiers.ts';
import { createTier } from '../../src/operations/create-tier.ts';
import { editTier } from '../../src/operations/edit-tier.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { proveBooks } from '../../src/operations/prove-books.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, charge, failureOf, memoryStore, viewAccount } from './account-fixture.ts';
import { BooksModel } from './books-model.ts';

const NOON = '2026-11-22T12:00:00.000Z';
const TIERS = { small: 300, middle: 1_000, same: 1_000, large: 2_500 };
const ACCOUNTS = { acme: 'small', globex: 'middle', initech: 'large' };

const account = fc.constantFrom('acme', 'globex', 'initech');
const tier = fc.constantFrom('small', 'middle', 'same', 'large');
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('charge' as const), account, requests: fc.integer({ min: 1, max: 15 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      account,
      tier,
      timing: fc.constantFrom('by-credits' as const, 'now' as const, 'at-reset' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      tier,
      credits: fc.constantFrom(0, 100, 300, 1_000, 3_000),
      now: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('credit' as const),
      account,
      amount: fc.integer({ min: -1_500, max: 1_500 }).filter((amount) => amount !== 0),
      daysAhead: fc.integer({ min: 0, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refund' as const), which: fc.nat({ max: 50 }) }) },
);
const hours = fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: MS_PER_DAY / 3 }) });
const toMidnight = fc.record({ kind: fc.constant('midnight' as const), ms: fc.constantFrom(-1, 0, MS_PER_DAY) });
const forward = fc.oneof({ weight: 8, arbitrary: action }, { weight: 2, arbitrary: hours }, { weight: 2, arbitrary: toMidnight });
const anyhow = fc.oneof(
  { weight: 5, arbitrary: action },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: -2 * MS_PER_DAY, max: 2 * MS_PER_DAY }) }),
  },
);

type Step = (typeof forward extends fc.Arbitrary<infer Value> ? Value : never) | { kind: 'wait'; ms: number };

interface Charged {
  readonly number: number;
  readonly account: string;
  readonly at: number;
  refunded: boolean;
}

class World {
  readonly store: Store;
  readonly clock: TestClock;
  readonly charged: Charged[] = [];

  constructor(store: Store, clock: TestClock) {
    this.store = store;
    this.clock = clock;
  }

  static async begin(): Promise<World> {
    const { store, clock } = await memoryStore(NOON);
    for (const [name, dailyCredits] of Object.entries(TIERS)) await createTier(store, { name, dailyCredits, limits: [] }, ACTOR);
    for (const [name, onTier] of Object.entries(ACCOUNTS)) await addAccount(store, name, onTier);
    return new World(store, clock);
  }

  /** Does the step, and the same to the model where there is one. */
  async take(step: Step, model: BooksModel | null): Promise<void> {
    const { store, clock } = this;
    switch (step.kind) {
      case 'charge': {
        const verdicts = await charge(store, step.account, step.requests);
        for (const { debitId } of verdicts) if (debitId !== null) this.#remember(debitId, step.account);
        const admitted = verdicts.filter((verdict) => verdict.valid).length;
        if (model !== null) expect(admitted).toBe(model.charge(step.account, step.requests));
        return;
      }
      case 'set':
        await setTier(store, step, ACTOR);
        model?.setTier(step.account, step.tier, step.timing);
        return;
      case 'edit':
        await editTier(store, { name: step.tier, dailyCredits: step.credits, limits: [], now: step.now }, ACTOR);
        model?.editTier(step.tier, step.credits, step.now);
        return;
      case 'credit': {
        const day = dayOf(clock.now) + step.daysAhead;
        const failure = await failureOf(giveCredit(store, { ...step, day, reason: 'a test' }, ACTOR, randomBytes));
        if (model !== null) expect(failure).toBe(model.credit(step.account, step.amount, step.daysAhead) ? 'none' : 'conflict');
        return;
      }
      case 'refund':
        return this.#refund(step.which, model);
      case 'wait':
        clock.now += step.ms;
        model?.goTo(dayOf(clock.now));
        return;
      case 'midnight':
        clock.now = Math.max(clock.now, startOfDay(dayOf(clock.now) + 1) + step.ms);
        model?.goTo(dayOf(clock.now));
    }
  }

  #remember(debitId: string, name: string): void {
    this.charged.push({ number: parseDebitId(debitId) ?? 0, account: name, at: this.clock.now, refunded: false });
  }

  async #refund(which: number, model: BooksModel | null): Promise<void> {
    const debit = this.charged[which % Math.max(1, this.charged.length)];
    if (debit === undefined) return;
    await refundDebit(this.store, debit.number, { kind: 'shell', actor: ACTOR, reason: 'a test' });
    if (!debit.refunded && dayOf(debit.at) === dayOf(this.clock.now)) model?.refundToday(debit.account);
    debit.refunded = true;
  }

  /** The credits of the tiers, today's and those that wait. */
  async tiers(): Promise<Record<string, { credits: number; pending: number | null }>> {
    const views = await this.store.read(async (tx, now) => describeTiers(tx, await tx.tiers.all(), now));
    const mine = views.filter(({ name }) => Object.hasOwn(TIERS, name));
    return Object.fromEntries(
      mine.map(({ name, dailyCredits, pendingDailyCredits: pending }) => [
        name,
        { credits: dailyCredits, pending: pending?.credits ?? null },
      ]),
    );
  }

  /** For every stored day: nothing below zero, and spent is what the debits say. */
  async checkBooks(): Promise<void> {
    const { findings } = await proveBooks(this.store);
    expect(findings.filter(({ severity }) => severity !== 'ok')).toEqual([]);
    const names = new Map<number, string>();
    for (const name of Object.keys(ACCOUNTS)) {
      const found = await this.store.read((tx) => tx.accounts.byName(name));
      names.set(found?.ref ?? 0, name);
    }
    const seen = new Set<string>();
    for (const day of await this.store.read((tx) => tx.credits.storedDays(0))) {
      for (const { accountRef, balance } of await this.store.read((tx) => tx.credits.booksOf(day, { after: 0, limit: 100 }))) {
        const name = names.get(accountRef) ?? '';
        seen.add(`${name} ${String(day)}`);
        expect(balance.granted).toBeGreaterThanOrEqual(0);
        expect(balance.granted + balance.adjusted - balance.spent).toBeGreaterThanOrEqual(0);
        const debits = this.charged.filter((debit) => debit.account === name && dayOf(debit.at) === day && !debit.refunded);
        expect(balance.spent).toBe(debits.length * 100);
      }
    }
    for (const debit of this.charged) expect(seen).toContain(`${debit.account} ${String(dayOf(debit.at))}`);
  }
}

describe('whatever operators and customers do, in whatever order', () => {
  test('balances are those of a simple model, at every step and over midnight', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(forward, { maxLength: 40 }), async (steps) => {
        const world = await World.begin();
        const model = new BooksModel(dayOf(world.clock.now), TIERS, ACCOUNTS);
        for (const step of steps) {
          await world.take(step, model);
          expect(await world.tiers()).toEqual(model.tierCredits());
          for (const name of Object.keys(ACCOUNTS)) {
            const { tier: onTier, pendingTier, credits } = await viewAccount(world.store, name);
            expect({ tier: onTier, pendingTier: pendingTier?.tier ?? null, ...credits }).toEqual({
              ...model.balance(name),
              day: dayOf(world.clock.now),
            });
          }
        }
        await world.checkBooks();
        await world.store.close();
      }),
      { numRuns: 150 },
    );
  });

  test('the books balance although the clock jumps ahead and back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyhow, { maxLength: 40 }), async (steps) => {
        const world = await World.begin();
        for (const step of steps) await world.take(step, null);
        await world.checkBooks();
        await world.store.close();
      }),
      { numRuns: 100 },
    );
  });
});
