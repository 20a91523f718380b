import { randomBytes } from 'node:crypto';
import type { Store } from '../../src/domain/store.ts';
import { MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { editTier } from '../../src/operations/edit-tier.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addKey, requestBy } from '../stores/contract.ts';
import { addAccount, charge } from './account-fixture.ts';
import { makeKey, rotate, spend } from './key-fixture.ts';
import { runReset } from './reset-fixture.ts';

export const NOON = Date.parse('2026-11-22T12:00:00.000Z');

async function refundNewest(store: Store, which = 0): Promise<void> {
  const debit = (await store.read((tx) => tx.debits.page({}, null, which + 1)))[which];
  if (debit === undefined) throw new RangeError('no debit');
  await refundDebit(store, debit.number, { kind: 'shell', actor: ACTOR, reason: 'test' });
}

/**
 * Three days of all that a store is used for: spending of several accounts, refunds on open and closed days, credits given and taken,
 * tiers that change at once and later, a rotated key with a cap, and request ids. Two days are closed, the third is running: the clock
 * ends two days after it began, and half an hour after a reset.
 */
export async function liveThreeDays(store: Store, clock: TestClock): Promise<void> {
  await addAccount(store, 'acme', 'standard');
  await addAccount(store, 'globex');
  await addAccount(store, 'idle');
  const capped = await makeKey(store, 'capped', { dailyCap: 5_000 });
  for (let day = 0; day < 3; day += 1) {
    clock.now = NOON + day * MS_PER_DAY;
    await runReset(store);
    await charge(store, 'acme', 7);
    await charge(store, 'globex', 5, 250);
    await spend(store, capped.apiKey, 10);
    await refundNewest(store, 3);
    await giveCredit(store, { account: 'acme', amount: 500, day: undefined, reason: 'test' }, ACTOR, randomBytes);
    await giveCredit(store, { account: 'globex', amount: -1_000, day: undefined, reason: 'test' }, ACTOR, randomBytes);
    clock.now += 30 * 60_000;
  }
  // A refund on a closed day, and a grant that is more than the tier gives, since more had been spent.
  await refundNewest(store, 30);
  await charge(store, 'globex', 1, 60_000);
  await setTier(store, { account: 'globex', tier: 'standard', timing: 'now' }, ACTOR);
  await editTier(store, { name: 'standard', dailyCredits: 50_000, limits: [], now: true }, ACTOR);
  await rotate(store, 'capped', 3_600_000);
  const [acme] = await store.read((tx) => tx.accounts.page({}, { after: 1, limit: 1 }));
  if (acme === undefined) throw new RangeError('no account');
  const key = await addKey(store, acme, { name: 'with-ids' });
  await store.settle(['one', 'two'].map((requestId) => requestBy(key, { requestId })));
  await refundNewest(store);
}
