import { creditsOn, tierOn, type Account } from '../domain/entities.ts';
import type { ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, type UtcDay } from '../domain/utc-day.ts';
import { planTierEdit, type EditTier, type TierEditPlan } from './edit-tier.ts';
import { touch, type Touched } from './regrant-books.ts';

const PAGE = 500;

/** What `editTier` would do. `accounts` reads page by page, so that a million of them take no more memory than one page. */
export interface TierEditPreview {
  readonly tier: string;
  /** The day from which the edit would hold, or null where it would change nothing. */
  readonly from: UtcDay | null;
  readonly plan: TierEditPlan;
  readonly accounts: AsyncGenerator<Touched>;
}

export async function previewTierEdit(store: Store, wanted: EditTier): Promise<TierEditPreview> {
  const { plan, today } = await store.read(async (tx, now) => ({ plan: await planTierEdit(tx, wanted, dayOf(now)), today: dayOf(now) }));
  const from = plan.creditsFrom ?? (plan.limitsChange ? today : null);
  return { tier: plan.after.name, from, plan, accounts: touched(store, plan, today, from) };
}

/** Accounts that have the tier on the first day, then those that come to it on the next and find it changed. */
async function* touched(store: Store, plan: TierEditPlan, today: UtcDay, from: UtcDay | null): AsyncGenerator<Touched> {
  if (from === null) return;
  yield* onTier(store, plan, today, from, () => true);
  const next = from + 1;
  if (creditsOn(plan.before, next) === creditsOn(plan.after, next)) return;
  yield* onTier(store, plan, today, next, (account) => tierOn(account, from) !== plan.after.name);
}

async function* onTier(
  store: Store,
  plan: TierEditPlan,
  today: UtcDay,
  day: UtcDay,
  isMeant: (account: Account) => boolean,
): AsyncGenerator<Touched> {
  const allowances = { before: creditsOn(plan.before, day), after: creditsOn(plan.after, day) };
  let after = 0;
  for (;;) {
    const page = await store.read(async (tx: ReadTransaction) => {
      const accounts = await tx.accounts.page({ tier: { name: plan.after.name, day } }, { after, limit: PAGE });
      const rows = await touch(tx, accounts.filter(isMeant), { today, from: day }, allowances);
      return { rows, last: accounts.at(-1)?.ref, full: accounts.length === PAGE };
    });
    yield* page.rows;
    if (page.last === undefined || !page.full) return;
    after = page.last;
  }
}
